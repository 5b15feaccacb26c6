/* A program that does with getopt what it is told on its standard input, and says what it sees after each call.
 *
 * A line is a word and its arguments; bytes are written as hex digits with a leading x. The answer to a call is one line:
 *
 *   RETURNED OPTIND OPTOPT LONGINDEX FLAG0 FLAG1 OPTARG PRINTED ARGV[0] ... ARGV[ARGC]
 *
 * with ! for a null pointer.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 256, LINE_MAX_BYTES = 1 << 16, FLAGS = 2 };

static char *argv_now[WORDS_MAX + 1];
static int argc_now;
static char *optstring_now;
static struct option table[WORDS_MAX + 1];
static int table_len;
static int flags[FLAGS];
static int longindex = -1;
/* What optopt is before anything is called: not the same in every library. */
static int optopt_at_first;

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* The bytes of "x6162". Never freed: getopt may still point into them, and a child does not live long. */
static char *bytes(const char *word)
{
	size_t len = strlen(word + 1) / 2, i;
	char *out = malloc(len + 1);
	if (!out)
		exit(3);
	for (i = 0; i < len; i++)
		out[i] = (char)(digit(word[1 + 2 * i]) << 4 | digit(word[2 + 2 * i]));
	out[len] = 0;
	return out;
}

static void say(const char *text, size_t len)
{
	size_t i;
	if (!text) {
		fputs(" !", stdout);
		return;
	}
	fputs(" x", stdout);
	for (i = 0; i < len; i++)
		printf("%02x", (unsigned char)text[i]);
}

/* What a call prints goes to a pipe: neither library lets go of stderr in the same way. */
static int printed_fd;

static void say_printed(void)
{
	static char text[LINE_MAX_BYTES];
	ssize_t len;
	fflush(stderr);
	len = read(printed_fd, text, sizeof text);
	say(text, len > 0 ? (size_t)len : 0);
}

static void answer(int returned)
{
	int i;
	printf("%d %d %d %d %d %d", returned, optind, optopt, longindex, flags[0], flags[1]);
	say(optarg, optarg ? strlen(optarg) : 0);
	say_printed();
	for (i = 0; i <= argc_now; i++)
		say(argv_now[i], argv_now[i] ? strlen(argv_now[i]) : 0);
	putchar('\n');
	fflush(stdout);
}

static void reset(void)
{
	static char *unknown[] = { "reset", "--reset", NULL };
	static const struct option none[] = { { NULL, 0, NULL, 0 } };
	/* glibc keeps a copy of optopt that outlives a restart; an unknown long option makes it 0. */
	optind = 0;
	opterr = 0;
	getopt_long(2, unknown, "", none, NULL);
	optind = 0;
	opterr = 1;
	optopt = optopt_at_first;
	optarg = NULL;
	longindex = -1;
	memset(flags, 0, sizeof flags);
	table_len = 0;
	memset(table, 0, sizeof table);
	unsetenv("POSIXLY_CORRECT");
}

int main(void)
{
	static char line[LINE_MAX_BYTES];
	int pipe_fds[2];
	optopt_at_first = optopt;
	if (pipe(pipe_fds) || dup2(pipe_fds[1], 2) < 0)
		return 3;
	printed_fd = pipe_fds[0];
	/* An empty pipe is read as nothing printed. */
	if (fcntl(printed_fd, F_SETFL, O_NONBLOCK) < 0)
		return 3;
	while (fgets(line, sizeof line, stdin)) {
		char *word = strtok(line, " \n"), *argument;
		if (!word)
			continue;
		if (!strcmp(word, "reset")) {
			reset();
		} else if (!strcmp(word, "argv")) {
			for (argc_now = 0; (argument = strtok(NULL, " \n")) && argc_now < WORDS_MAX; argc_now++)
				argv_now[argc_now] = bytes(argument);
			argv_now[argc_now] = NULL;
		} else if (!strcmp(word, "optstring")) {
			optstring_now = bytes(strtok(NULL, " \n"));
		} else if (!strcmp(word, "long") && table_len < WORDS_MAX) {
			struct option *entry = &table[table_len++];
			int flag;
			entry->name = bytes(strtok(NULL, " \n"));
			entry->has_arg = atoi(strtok(NULL, " \n"));
			flag = atoi(strtok(NULL, " \n"));
			entry->flag = flag < 0 ? NULL : &flags[flag];
			entry->val = atoi(strtok(NULL, " \n"));
		} else if (!strcmp(word, "optind")) {
			optind = atoi(strtok(NULL, " \n"));
		} else if (!strcmp(word, "opterr")) {
			opterr = atoi(strtok(NULL, " \n"));
		} else if (!strcmp(word, "posixly-correct")) {
			setenv("POSIXLY_CORRECT", "", 1);
		} else if (!strcmp(word, "getopt")) {
			answer(getopt(argc_now, argv_now, optstring_now));
		} else if (!strcmp(word, "getopt_long")) {
			answer(getopt_long(argc_now, argv_now, optstring_now, table, &longindex));
		} else if (!strcmp(word, "getopt_long_only")) {
			answer(getopt_long_only(argc_now, argv_now, optstring_now, table, &longindex));
		} else {
			return 2;
		}
	}
	return 0;
}
