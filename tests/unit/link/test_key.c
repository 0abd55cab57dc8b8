#include "dd/link/key.h"

#include <string.h>

#include "dd/base/error.h"
#include "suite.h"

static int parse(const char *text, uint8_t key[static DD_KEY_BYTES])
{
    const char *why = NULL;
    int error = dd_key_parse(text, key, &why);
    ck_assert(!error || why);
    return error;
}

START_TEST(reads_both_alphabets_padded_or_not)
{
    uint8_t a[DD_KEY_BYTES], b[DD_KEY_BYTES];
    ck_assert_int_eq(parse("+/+/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw=", a), 0);
    ck_assert_uint_eq(a[0], 0xfb);
    ck_assert_int_eq(parse("-_-_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw", b), 0);
    ck_assert_mem_eq(a, b, sizeof a);
}
END_TEST

START_TEST(refuses_other_lengths_and_characters)
{
    static const char *const wrong[] = {
        "",
        "=",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",       /* 31 bytes */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",       /* 33 bytes */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8==",      /* too much padding */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= ",      /* white space */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh\n8=",     /* a line break */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=AAAA",   /* goes on */
        "000102030405060708090a0b0c0d0e0f101112131415161718", /* hexadecimal */
    };
    uint8_t key[DD_KEY_BYTES], zero[DD_KEY_BYTES] = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memset(key, 1, sizeof key);
        ck_assert_msg(parse(wrong[i], key) == DD_ERROR_INPUT, "%s", wrong[i]);
        ck_assert_mem_eq(key, zero, sizeof key);
    }
}
END_TEST

START_TEST(generates_different_keys)
{
    char a[DD_KEY_TEXT_SIZE], b[DD_KEY_TEXT_SIZE];
    uint8_t key[DD_KEY_BYTES];
    ck_assert_int_eq(dd_key_generate(a), 0);
    ck_assert_int_eq(dd_key_generate(b), 0);
    ck_assert_str_ne(a, b);
    ck_assert_int_eq(parse(a, key), 0);
}
END_TEST

START_TEST(derives_by_stream_and_session)
{
    uint8_t key[DD_KEY_BYTES] = {1}, a[DD_KEY_BYTES], b[DD_KEY_BYTES];
    uint8_t session[DD_KEY_SESSION_BYTES] = {0};
    char longest[DD_KEY_STREAM_ID_MAX + 2];
    struct dd_key plain, named;
    ck_assert_int_eq(dd_key_derive(&plain, key, ""), 0);
    ck_assert_int_eq(dd_key_derive(&named, key, "lobby"), 0);
    ck_assert_uint_ne(plain.id, named.id);
    ck_assert_mem_eq(plain.prk, named.prk, sizeof plain.prk);
    ck_assert_int_eq(dd_key_packet(&plain, session, a), 0);
    ck_assert_int_eq(dd_key_packet(&named, session, b), 0);
    ck_assert_mem_ne(a, b, sizeof a);
    session[15] = 1;
    ck_assert_int_eq(dd_key_packet(&plain, session, b), 0);
    ck_assert_mem_ne(a, b, sizeof a);
    memset(longest, 'x', sizeof longest);
    longest[DD_KEY_STREAM_ID_MAX + 1] = '\0';
    ck_assert_int_eq(dd_key_derive(&plain, key, longest), DD_ERROR_SPACE);
    longest[DD_KEY_STREAM_ID_MAX] = '\0';
    ck_assert_int_eq(dd_key_derive(&plain, key, longest), 0);
    ck_assert_int_eq(dd_key_packet(&plain, session, b), 0);
}
END_TEST

SUITE("link/key", reads_both_alphabets_padded_or_not, refuses_other_lengths_and_characters, generates_different_keys,
      derives_by_stream_and_session)
