use strict;
use warnings;

exit 77 unless eval { require LWP::UserAgent; require LWP::Protocol::https; 1 };
print "version $LWP::UserAgent::VERSION\n";
my $answer = LWP::UserAgent->new(timeout => 8)->get($ARGV[0]);
print STDERR $answer->status_line, "\n";
exit($answer->is_success ? 0 : 1);
