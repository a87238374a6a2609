/* SHA-256 in lower-case hexadecimal; see latent/base/digest.h. */
#include "latent/base/digest.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "latent/base/mem.h"

struct lt_digest {
    struct sha256_ctx context;
};

lt_status lt_digest_new(lt_digest **out, lt_err *err)
{
    lt_digest *d = lt_mem_alloc(1, sizeof *d);

    if (!d)
        return lt_err_set(err, LT_ENOMEM, "a digest: out of memory");
    sha256_init(&d->context);
    *out = d;
    return LT_OK;
}

void lt_digest_free(lt_digest *d)
{
    lt_mem_free(d);
}

void lt_digest_add(lt_digest *d, const void *bytes, size_t n)
{
    sha256_update(&d->context, n, bytes);
}

static void hex_write(const uint8_t *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static void context_end(struct sha256_ctx *context, char hex[LT_DIGEST_HEX])
{
    uint8_t raw[SHA256_DIGEST_SIZE];

    sha256_digest(context, sizeof raw, raw); /* and starts afresh */
    hex_write(raw, sizeof raw, hex);
}

void lt_digest_end(lt_digest *d, char hex[LT_DIGEST_HEX])
{
    context_end(&d->context, hex);
}

void lt_digest_bytes(const void *bytes, size_t n, char hex[LT_DIGEST_HEX])
{
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, n, bytes);
    context_end(&context, hex);
}

lt_status lt_digest_file(const char *path, char hex[LT_DIGEST_HEX], lt_err *err)
{
    struct sha256_ctx context;
    unsigned char chunk[16384];
    size_t got;
    int failed;
    FILE *f = fopen(path, "rbe");

    if (!f)
        return lt_err_set(err, LT_EIO, "%s: cannot open: %s", path,
                          strerror(errno));
    sha256_init(&context);
    while ((got = fread(chunk, 1, sizeof chunk, f)) > 0)
        sha256_update(&context, got, chunk);
    failed = ferror(f) ? errno : 0;
    fclose(f);
    if (failed)
        return lt_err_set(err, LT_EIO, "%s: cannot read: %s", path,
                          strerror(failed));
    context_end(&context, hex);
    return LT_OK;
}
