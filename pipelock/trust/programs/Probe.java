import java.net.URI;
import java.net.URL;
import java.net.URLConnection;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

public class Probe {
    public static void main(String[] words) throws Exception {
        System.out.println("version " + System.getProperty("java.version"));
        if (words[1].equals("client")) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(words[0])).timeout(Duration.ofSeconds(8)).build();
            HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding());
        } else {
            URLConnection connection = new URL(words[0]).openConnection();
            connection.setConnectTimeout(8000);
            connection.setReadTimeout(8000);
            connection.getInputStream().close();
        }
    }
}
