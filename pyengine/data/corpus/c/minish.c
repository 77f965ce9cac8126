/* minish: the smallest shell that is still of use. Pipes, < and >, cd and exit; no quoting. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAXARGS 64
#define BLANKS  " \t\n"

struct command {
	char *argv[MAXARGS];
	char *in, *out;
};

static int last_status;

static int parse(char *text, struct command *cmd)
{
	char *word, *save, **target = NULL;
	int n = 0;

	cmd->in = cmd->out = NULL;
	for (word = strtok_r(text, BLANKS, &save); word; word = strtok_r(NULL, BLANKS, &save)) {
		if (target) {
			*target = word;
			target = NULL;
		} else if (!strcmp(word, "<")) {
			target = &cmd->in;
		} else if (!strcmp(word, ">")) {
			target = &cmd->out;
		} else if (n < MAXARGS - 1) {
			cmd->argv[n++] = word;
		}
	}
	cmd->argv[n] = NULL;
	if (target) {
		fprintf(stderr, "minish: file name expected\n");
		return -1;
	}
	return n;
}

static void redirect(const char *path, int flags, int fd)
{
	int opened;

	if (!path)
		return;
	opened = open(path, flags, 0666);
	if (opened < 0) {
		perror(path);
		_exit(1);
	}
	dup2(opened, fd);
	close(opened);
}

static void run_pipeline(char *line)
{
	char *part, *save;
	int input = STDIN_FILENO, status, fds[2];
	pid_t pid = -1;

	for (part = strtok_r(line, "|", &save); part; ) {
		char *next = strtok_r(NULL, "|", &save);
		struct command cmd;

		if (parse(part, &cmd) <= 0)
			break;
		if (next && pipe(fds) < 0) {
			perror("pipe");
			break;
		}
		pid = fork();
		if (pid == 0) {
			dup2(input, STDIN_FILENO);
			if (next) {
				dup2(fds[1], STDOUT_FILENO);
				close(fds[0]);
			}
			redirect(cmd.in, O_RDONLY, STDIN_FILENO);
			redirect(cmd.out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
			execvp(cmd.argv[0], cmd.argv);
			fprintf(stderr, "minish: %s: %s\n", cmd.argv[0], strerror(errno));
			_exit(errno == ENOENT ? 127 : 126);
		}
		if (input != STDIN_FILENO)
			close(input);
		if (next) {
			close(fds[1]);
			input = fds[0];
		}
		part = next;
	}
	/* the status of a pipeline is that of its last command */
	while (pid > 0) {
		pid_t done = wait(&status);
		if (done < 0)
			break;
		if (done == pid)
			last_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

int main(void)
{
	char line[1024];

	for (;;) {
		if (isatty(STDIN_FILENO))
			fprintf(stderr, "%d$ ", last_status);
		if (!fgets(line, sizeof line, stdin))
			return last_status;
		if (!strncmp(line, "exit", 4))
			return 0;
		if (!strncmp(line, "cd ", 3)) {
			line[strcspn(line, "\n")] = '\0';
			last_status = chdir(line + 3) < 0 ? (perror(line + 3), 1) : 0;
			continue;
		}
		run_pipeline(line);
	}
}
