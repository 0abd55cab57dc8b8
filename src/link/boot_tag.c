#include "dd/link/boot_tag.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "dd/base/cursor.h"
#include "dd/base/error.h"
#include "dd/base/log.h"

int dd_boot_tag_compute(const char *boot_id, uint32_t *tag)
{
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};
    bool done = *boot_id ? EVP_Digest(boot_id, strlen(boot_id), digest, NULL, EVP_sha256(), NULL) == 1
                         : RAND_bytes(digest, sizeof *tag) == 1;
    struct dd_cursor c = dd_cursor_reader(digest, sizeof digest);
    *tag = dd_cursor_read_u32(&c);
    if (done)
        return 0;
    dd_log_error("OpenSSL has no SHA-256, or no random bytes");
    return DD_ERROR_CRYPTO;
}
