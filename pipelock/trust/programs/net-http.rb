require "net/http"

puts "version #{RUBY_VERSION}"
uri = URI(ARGV[0])
Net::HTTP.start(uri.host, uri.port, use_ssl: true, open_timeout: 8, read_timeout: 8) { |http| http.get(uri.path) }
