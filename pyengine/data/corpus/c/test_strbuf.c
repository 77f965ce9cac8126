/* Unit tests of strbuf. Run with a name to run only the tests whose names begin with it. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "strbuf.h"

static int checks, failures;

#define CHECK(cond) check((cond) != 0, #cond, __LINE__)
#define CHECK_STR(got, want) check_str((got), (want), __LINE__)

static void check(int ok, const char *what, int line)
{
    checks++;
    if (ok)
        return;
    failures++;
    fprintf(stderr, "%s:%d: %s\n", __FILE__, line, what);
}

static void check_str(const char *got, const char *want, int line)
{
    char what[256];

    snprintf(what, sizeof what, "got \"%s\", want \"%s\"", got, want);
    check(strcmp(got, want) == 0, what, line);
}

static void empty_is_a_string(void)
{
    struct strbuf sb = STRBUF_INIT;

    CHECK(sb.len == 0);
    CHECK_STR(sb.buf, "");
    strbuf_release(&sb);
    strbuf_release(&sb); /* twice must do no harm */
}

static void append_grows(void)
{
    struct strbuf sb = STRBUF_INIT;

    for (int i = 0; i < 1000; i++)
        strbuf_addch(&sb, 'a' + i % 26);
    CHECK(sb.len == 1000);
    CHECK(sb.alloc > sb.len);
    CHECK(sb.buf[999] == 'a' + 999 % 26);
    CHECK(sb.buf[1000] == '\0');
    strbuf_release(&sb);
}

static void append_itself(void)
{
    struct strbuf sb = STRBUF_INIT;

    strbuf_addstr(&sb, "abc");
    strbuf_add(&sb, sb.buf, sb.len); /* the source moves when the buffer grows */
    CHECK_STR(sb.buf, "abcabc");
    strbuf_release(&sb);
}

static void printf_longer_than_first_guess(void)
{
    struct strbuf sb = STRBUF_INIT;
    char wide[300];

    memset(wide, 'x', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    strbuf_addf(&sb, "%d:%s:%c", INT_MIN, wide, '!');
    CHECK(sb.len == 11 + 1 + 299 + 1 + 1);
    CHECK(sb.buf[sb.len - 1] == '!');
    strbuf_release(&sb);
}

static void trim_both_ends(void)
{
    static const struct { const char *in, *out; } cases[] = {
        { "", "" }, { "  ", "" }, { "a", "a" }, { "\t a b \n", "a b" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf sb = STRBUF_INIT;
        strbuf_addstr(&sb, cases[i].in);
        strbuf_trim(&sb);
        CHECK_STR(sb.buf, cases[i].out);
        CHECK(sb.len == strlen(cases[i].out));
        strbuf_release(&sb);
    }
}

#define TEST(f) { #f, f }

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*run)(void); } tests[] = {
        TEST(empty_is_a_string),
        TEST(append_grows),
        TEST(append_itself),
        TEST(printf_longer_than_first_guess),
        TEST(trim_both_ends),
    };

    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (argc < 2 || strncmp(tests[i].name, argv[1], strlen(argv[1])) == 0)
            tests[i].run();
    printf("%d checks, %d failed\n", checks, failures);
    return failures != 0;
}
