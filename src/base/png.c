/* PNG pictures; see latent/base/png.h.
 *
 * libpng reports errors by longjmp. All that outlives the jump lies in a
 * png_job on the caller's side of setjmp, and decoding itself is a function
 * of its own, so no local variable can be left undefined. libpng's memory
 * comes from lt_mem, so that tests can make it fail.
 *
 * Against bombs: sides and pixels are limited (picture.h), and a header is
 * believed only as far as the file can back it: deflate expands at most 1032
 * times. Chunks of text and profiles, which may hold bombs of their own, are
 * not kept. libpng allocates what a chunk's length says, up to 2 GB, before it
 * reads the chunk, whatever limits it is given: so no block may be larger than
 * the file and CHUNK_MEMORY. */
#include "latent/base/png.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "latent/base/mem.h"

#define EXPANSION      1032u
#define CHUNK_MEMORY   (1u << 20) /* for one decompressed chunk */
#define CHUNKS_CACHED  16u
#define SIGNATURE_SIZE 8

typedef struct png_job {
    const uint8_t *bytes;
    size_t size, at;
    png_structp png;
    png_infop info;
    lt_picture picture;
    char message[200]; /* libpng's */
    bool out_of_memory;
} png_job;

/* ---- what libpng calls ---- */

static void job_error(png_structp png, png_const_charp text)
{
    png_job *job = png_get_error_ptr(png);

    snprintf(job->message, sizeof job->message, "%s", text);
    png_longjmp(png, 1);
}

static void job_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static png_voidp job_alloc(png_structp png, png_alloc_size_t size)
{
    png_job *job = png_get_mem_ptr(png);
    void *p;

    if (size > job->size + CHUNK_MEMORY)
        return NULL; /* libpng gives up on the chunk or the file */
    p = lt_mem_alloc(size, 1);
    job->out_of_memory |= !p;
    return p;
}

static void job_free(png_structp png, png_voidp p)
{
    (void)png;
    lt_mem_free(p);
}

static void job_read(png_structp png, png_bytep out, size_t n)
{
    png_job *job = png_get_io_ptr(png);

    if (n > job->size - job->at)
        png_error(png, "the file is cut off");
    memcpy(out, job->bytes + job->at, n);
    job->at += n;
}

/* ---- decoding ---- */

/* Whatever the file has becomes 8 bits of grey or of red, green, blue. */
static void transforms_set(png_job *job)
{
    png_byte type = png_get_color_type(job->png, job->info);
    png_byte depth = png_get_bit_depth(job->png, job->info);

    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(job->png);
    else if (depth < 8)
        png_set_expand_gray_1_2_4_to_8(job->png);
    if (depth == 16)
        png_set_scale_16(job->png);
    png_set_strip_alpha(job->png);
}

/* The picture, when the bytes can hold one of these sizes. */
static lt_status picture_plan(png_job *job, lt_err *err)
{
    png_uint_32 width = png_get_image_width(job->png, job->info);
    png_uint_32 height = png_get_image_height(job->png, job->info);
    uint64_t raw = (uint64_t)png_get_rowbytes(job->png, job->info) * height;
    bool has_colour =
        png_get_color_type(job->png, job->info) & PNG_COLOR_MASK_COLOR;

    if (raw / EXPANSION > job->size)
        return lt_err_set(err, LT_EFORMAT,
                          "the header promises %ux%u pixels; found %zu bytes, "
                          "which cannot hold them",
                          (unsigned)width, (unsigned)height, job->size);
    return lt_picture_init(&job->picture, width, height, has_colour ? 3 : 1,
                           err);
}

/* Leaves by longjmp when libpng finds a fault. */
static lt_status job_decode(png_job *job, lt_err *err)
{
    size_t row;
    int passes;

    png_set_read_fn(job->png, job, job_read);
    png_set_user_limits(job->png, LT_PICTURE_SIDE, LT_PICTURE_SIDE);
    png_set_chunk_malloc_max(job->png, CHUNK_MEMORY);
    png_set_chunk_cache_max(job->png, CHUNKS_CACHED);
    png_read_info(job->png, job->info);
    LT_TRY(picture_plan(job, err));
    transforms_set(job);
    passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    row = (size_t)job->picture.width * (size_t)job->picture.channels;
    if (png_get_rowbytes(job->png, job->info) != row)
        return lt_err_set(err, LT_EFORMAT,
                          "found rows of %zu bytes, wanted "
                          "%zu",
                          png_get_rowbytes(job->png, job->info), row);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < job->picture.height; y++)
            png_read_row(job->png, job->picture.pixels + (size_t)y * row, NULL);
    png_read_end(job->png, NULL);
    return LT_OK;
}

static lt_status job_run(png_job *job, lt_err *err)
{
    job->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, job, job_error,
                                        job_warning, job, job_alloc, job_free);
    if (job->png)
        job->info = png_create_info_struct(job->png);
    if (!job->info)
        return lt_err_mark(err, LT_ENOMEM);
    if (setjmp(png_jmpbuf(job->png))) {
        if (job->out_of_memory)
            return lt_err_mark(err, LT_ENOMEM);
        return lt_err_set(err, LT_EFORMAT, "offset %zu: %s", job->at,
                          job->message);
    }
    return job_decode(job, err);
}

lt_status lt_png_decode(const void *bytes, size_t size, lt_picture *out,
                        lt_err *err)
{
    png_job job = {.bytes = bytes, .size = size};
    lt_status rc;

    if (size < SIGNATURE_SIZE)
        return lt_err_set(err, LT_EFORMAT,
                          "offset 0: found %zu bytes, wanted a PNG file", size);
    if (png_sig_cmp(bytes, 0, SIGNATURE_SIZE) != 0)
        return lt_err_set(err, LT_EFORMAT,
                          "offset 0: found bytes 0x%02x 0x%02x%s, wanted the 8 "
                          "that open a PNG file",
                          job.bytes[0], job.bytes[1],
                          job.bytes[0] == 0xff && job.bytes[1] == 0xd8
                              ? " (a JPEG picture?)"
                              : "");
    rc = job_run(&job, err);
    png_destroy_read_struct(&job.png, &job.info, NULL);
    if (rc == LT_OK)
        *out = job.picture;
    else
        lt_picture_deinit(&job.picture);
    return rc;
}
