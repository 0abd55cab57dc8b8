#include "dd/link/key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/base/log.h"

enum { TEXT_UNPADDED = 43 }; /* characters of base64 for DD_KEY_BYTES */

static const char extract_salt[] = "softdatadiode v1";

/* One HKDF step of OpenSSL's. */
struct hkdf {
    int mode;
    const uint8_t *key, *salt, *info;
    size_t key_size, salt_size, info_size;
};

static int run_hkdf(const struct hkdf *h, uint8_t *out, size_t size)
{
    int error = DD_ERROR_CRYPTO, mode = h->mode;
    char digest[] = "SHA256";
    OSSL_PARAM params[6], *p = params;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    /* OpenSSL's parameters are not const, but it only reads them. */
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)h->key, h->key_size);
    if (h->salt)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)h->salt, h->salt_size);
    if (h->info)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)h->info, h->info_size);
    *p = OSSL_PARAM_construct_end();
    if (context && EVP_KDF_derive(context, out, size, params) > 0)
        error = 0;
    else
        dd_log_error("OpenSSL cannot derive keys (HKDF-SHA256)");
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return error;
}

/* HKDF-Expand with the info label ‖ middle ‖ stream_id. */
static int expand(const struct dd_key *key, const char *label, const uint8_t *middle, size_t middle_size, uint8_t *out,
                  size_t size)
{
    uint8_t info[16 + DD_KEY_SESSION_BYTES + DD_KEY_STREAM_ID_MAX];
    size_t label_size = strlen(label), id_size = strlen(key->stream_id);
    memcpy(info, label, label_size);
    if (middle_size)
        memcpy(info + label_size, middle, middle_size);
    memcpy(info + label_size + middle_size, key->stream_id, id_size);
    struct hkdf h = {.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
                     .key = key->prk,
                     .key_size = sizeof key->prk,
                     .info = info,
                     .info_size = label_size + middle_size + id_size};
    return run_hkdf(&h, out, size);
}

int dd_key_parse(const char *text, uint8_t key[static DD_KEY_BYTES], const char **why)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
    char standard[DD_KEY_TEXT_SIZE];
    uint8_t bytes[DD_KEY_BYTES + 1];
    int error = DD_ERROR_INPUT;
    memset(key, 0, DD_KEY_BYTES);
    if (!text[0]) {
        *why = "it is empty; one on the command line is forgotten after the start, so a key_file is better";
        return error;
    }
    size_t length = strspn(text, alphabet);
    size_t padding = strspn(text + length, "=");
    if (text[length + padding] != '\0' || padding > 2) {
        *why = "it has characters that base64 does not have";
        return error;
    }
    if (length != TEXT_UNPADDED || padding > 1) {
        *why = length < TEXT_UNPADDED ? "it is shorter than the 32 bytes, 44 characters of base64, that a key has"
                                      : "it is longer than the 32 bytes, 44 characters of base64, that a key has";
        return error;
    }
    for (size_t i = 0; i < length; i++)
        standard[i] = (char)(text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
    standard[length] = '=';
    standard[length + 1] = '\0';
    if (EVP_DecodeBlock(bytes, (const uint8_t *)standard, (int)length + 1) == DD_KEY_BYTES + 1) {
        memcpy(key, bytes, DD_KEY_BYTES);
        error = 0;
    } else {
        *why = "it is not base64";
    }
    explicit_bzero(standard, sizeof standard);
    explicit_bzero(bytes, sizeof bytes);
    return error;
}

int dd_key_generate(char text[static DD_KEY_TEXT_SIZE])
{
    uint8_t key[DD_KEY_BYTES];
    text[0] = '\0';
    if (RAND_priv_bytes(key, sizeof key) != 1) {
        dd_log_error("OpenSSL has no random bytes");
        return DD_ERROR_CRYPTO;
    }
    EVP_EncodeBlock((uint8_t *)text, key, sizeof key);
    explicit_bzero(key, sizeof key);
    return 0;
}

int dd_key_derive(struct dd_key *out, const uint8_t key[static DD_KEY_BYTES], const char *stream_id)
{
    uint8_t id[4];
    memset(out, 0, sizeof *out);
    if ((size_t)snprintf(out->stream_id, sizeof out->stream_id, "%s", stream_id) >= sizeof out->stream_id) {
        dd_log_error("a stream_id has at most %d bytes", DD_KEY_STREAM_ID_MAX);
        return DD_ERROR_SPACE;
    }
    struct hkdf h = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY,
                     .key = key,
                     .key_size = DD_KEY_BYTES,
                     .salt = (const uint8_t *)extract_salt,
                     .salt_size = sizeof extract_salt - 1};
    int error = run_hkdf(&h, out->prk, sizeof out->prk);
    if (!error)
        error = expand(out, "key id", NULL, 0, id, sizeof id);
    if (!error)
        out->id = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
    return error;
}

int dd_key_packet(const struct dd_key *key, const uint8_t session[static DD_KEY_SESSION_BYTES],
                  uint8_t packet_key[static DD_KEY_BYTES])
{
    return expand(key, "datagram", session, DD_KEY_SESSION_BYTES, packet_key, DD_KEY_BYTES);
}
