<?php
if (!function_exists('curl_init')) {
    exit(77);
}
echo 'version ', PHP_VERSION, "\n";
$handle = curl_init($argv[1]);
curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
curl_setopt($handle, CURLOPT_TIMEOUT, 8);
if (curl_exec($handle) === false) {
    fwrite(STDERR, curl_error($handle) . "\n");
    exit(1);
}
