#include "send/capture/vnc/password.h"

#include <stdbool.h>
#include <string.h>

#include <gcrypt.h>

#include "dd/base/error.h"
#include "dd/base/log.h"

enum { BLOCK = 8 /* bytes, of DES; its keys have as many */ };

/* vncpasswd has the same key everywhere: it obscures its files, and protects nothing. */
static const uint8_t file_key[BLOCK] = {23, 82, 107, 6, 35, 78, 88, 7};

static void start_library(void)
{
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
        return;
    gcry_check_version(NULL);
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

static uint8_t reverse_bits(uint8_t byte)
{
    uint8_t reversed = 0;

    for (int i = 0; i < 8; i++)
        reversed = (uint8_t)(reversed | (byte >> i & 1) << (7 - i));
    return reversed;
}

static int crypt_blocks(const uint8_t key[static BLOCK], bool encrypt, const uint8_t *in, uint8_t *out, size_t size)
{
    gcry_cipher_hd_t cipher;
    uint8_t reversed[BLOCK];

    start_library();
    gcry_error_t error = gcry_cipher_open(&cipher, GCRY_CIPHER_DES, GCRY_CIPHER_MODE_ECB, 0);
    if (error)
        goto done;
    for (int i = 0; i < BLOCK; i++)
        reversed[i] = reverse_bits(key[i]);
    /* a password may happen to be one of DES's weak keys */
    error = gcry_cipher_ctl(cipher, GCRYCTL_SET_ALLOW_WEAK_KEY, NULL, 1);
    if (!error)
        error = gcry_cipher_setkey(cipher, reversed, sizeof reversed);
    if (gcry_err_code(error) == GPG_ERR_WEAK_KEY)
        error = 0;
    explicit_bzero(reversed, sizeof reversed);
    if (!error)
        error = encrypt ? gcry_cipher_encrypt(cipher, out, size, in, size) : gcry_cipher_decrypt(cipher, out, size, in, size);
    gcry_cipher_close(cipher);
done:
    if (!error)
        return 0;
    dd_log_error("the DES of VNC passwords is not available: %s", gcry_strerror(error));
    return DD_ERROR_CRYPTO;
}

int dd_vnc_password_decode(const uint8_t *bytes, size_t size, char password[static DD_VNC_PASSWORD_MAX + 1])
{
    uint8_t plain[BLOCK];

    memset(password, 0, DD_VNC_PASSWORD_MAX + 1);
    if (size != BLOCK && size != 2 * BLOCK)
        return DD_ERROR_INPUT;
    int error = crypt_blocks(file_key, false, bytes + size - BLOCK, plain, sizeof plain);
    if (!error && size > BLOCK && !plain[0])
        error = crypt_blocks(file_key, false, bytes, plain, sizeof plain);
    if (!error)
        memcpy(password, plain, sizeof plain);
    explicit_bzero(plain, sizeof plain);
    return error;
}

int dd_vnc_password_respond(const char *password, const uint8_t challenge[static DD_VNC_PASSWORD_CHALLENGE_SIZE],
                            uint8_t response[static DD_VNC_PASSWORD_CHALLENGE_SIZE])
{
    uint8_t key[BLOCK] = {0};

    memset(response, 0, DD_VNC_PASSWORD_CHALLENGE_SIZE);
    memcpy(key, password, strnlen(password, sizeof key));
    int error = crypt_blocks(key, true, challenge, response, DD_VNC_PASSWORD_CHALLENGE_SIZE);
    explicit_bzero(key, sizeof key);
    return error;
}
