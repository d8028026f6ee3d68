use strict;
use warnings;

exit 77 unless eval { require HTTP::Tiny; require IO::Socket::SSL; 1 };
print "version $HTTP::Tiny::VERSION\n";
my $answer = HTTP::Tiny->new(timeout => 8, verify_SSL => 1)->get($ARGV[0]);
print STDERR $answer->{status} == 599 ? $answer->{content} : $answer->{status}, "\n";
exit($answer->{success} ? 0 : 1);
