<?php
echo 'version ', PHP_VERSION, "\n";
$context = stream_context_create(['http' => ['timeout' => 8]]);
exit(file_get_contents($argv[1], false, $context) === false ? 1 : 0);
