/* Checkpoints: there and back bit for bit, the format's rules, and files that
 * lie or are damaged. */
#include "net_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/net/checkpoint.h"

typedef struct place {
    char folder[64], path[96];
} place;

static int place_make(void **state)
{
    static place p;

    strcpy(p.folder, "/tmp/latent-checkpoint-XXXXXX");
    if (!mkdtemp(p.folder))
        return -1;
    snprintf(p.path, sizeof p.path, "%s/net.safetensors", p.folder);
    *state = &p;
    return 0;
}

static int place_remove(void **state)
{
    const place *p = *state;

    unlink(p->path);
    return rmdir(p->folder);
}

static lt_net *net_of(lt_tie tie)
{
    lt_net *net = fixture_net(
        (fixture_spec){6, 5, 3, LT_ACT_ELU, LT_ACT_SIGMOID, tie, 11});

    fixture_shake(net, 1, 4);
    return net;
}

static void save(const lt_net *net, const char *path)
{
    lt_err err = {0};

    if (lt_checkpoint_save(net, path, NULL, &err) != LT_OK)
        fail_msg("%s", err.text);
}

static void notes_stand_in_the_metadata(void **state)
{
    const place *p = *state;
    lt_net *net = net_of(LT_TIE_TIED), *back = NULL;
    json_t *notes = json_pack("{s:s, s:s}", "latent.config", "{\"code\":3}",
                              "format", "not ours");
    json_t *number = json_pack("{s:i}", "n", 3);
    char *file = NULL;
    size_t size;
    lt_err err = {0};

    assert_int_equal(lt_checkpoint_save(net, p->path, notes, &err), LT_OK);
    assert_int_equal(lt_path_read(p->path, 1 << 20, &file, &size, &err), LT_OK);
    assert_non_null(strstr(file + 8, "\"latent.config\":\"{\\\"code\\\":3}\""));
    assert_null(strstr(file + 8, "not ours"));
    assert_int_equal(lt_checkpoint_load(p->path, &back, &err), LT_OK);
    assert_int_equal(lt_checkpoint_save(net, p->path, number, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "\"n\": wanted a string"));
    lt_mem_free(file);
    json_decref(notes);
    json_decref(number);
    lt_net_free(back);
    lt_net_free(net);
}

static void networks_come_back_bit_for_bit(void **state)
{
    const place *p = *state;

    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        lt_net *a = net_of((lt_tie)tie), *b = NULL;
        lt_err err = {0};
        size_t n = lt_net_n_params(a);

        /* out of step with its encoder, as between two refreshes */
        lt_net_params(a)[n - 20] = -7;
        save(a, p->path);
        if (lt_checkpoint_load(p->path, &b, &err) != LT_OK)
            fail_msg("%s", err.text);
        assert_int_equal(lt_net_tie(b), tie);
        assert_int_equal(lt_net_n_params(b), n);
        assert_memory_equal(lt_net_params(a), lt_net_params(b),
                            n * sizeof(lt_real));
        lt_net_free(a);
        lt_net_free(b);
    }
}

/* Without the care of lt_path_write, which waits for the disk. */
static void write_bytes(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Writes a header and data as they are given. */
static void write_file(const char *path, const char *header, const void *data,
                       size_t size)
{
    uint64_t length = strlen(header);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(&length, 1, 8, f), 8);
    assert_int_equal(fwrite(header, 1, (size_t)length, f), length);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

typedef struct saved {
    char *file;
    size_t size;
    char header[8192];
    const char *data;
    size_t data_size;
} saved;

static void saved_read(saved *s, const char *path)
{
    uint64_t length;

    s->file = NULL;
    assert_int_equal(lt_path_read(path, 1 << 20, &s->file, &s->size, NULL),
                     LT_OK);
    memcpy(&length, s->file, 8);
    assert_true(length < sizeof s->header && length + 8 < s->size);
    memcpy(s->header, s->file + 8, (size_t)length);
    s->header[length] = '\0';
    s->data = s->file + 8 + length;
    s->data_size = s->size - 8 - (size_t)length;
}

static void file_is_what_the_format_says(void **state)
{
    const place *p = *state;
    lt_net *net = net_of(LT_TIE_TIED);
    saved s;

    save(net, p->path);
    saved_read(&s, p->path);
    assert_int_equal((s.data - s.file) % 8, 0);
    assert_int_equal(s.header[0], '{');
    assert_int_equal(s.data_size, lt_net_n_params(net) * sizeof(lt_real));
    assert_memory_equal(s.data, lt_net_params(net), s.data_size);
    assert_non_null(
        strstr(s.header, "\"encoder.1.weight\":{\"data_offsets\":"));
    assert_non_null(strstr(s.header, "\"shape\":[3,5]"));
    assert_non_null(strstr(s.header, "\"decoder.0.bias\""));
    assert_null(strstr(s.header, "\"decoder.0.weight\""));
    assert_non_null(strstr(s.header, "\"format\":\"latent\""));
    lt_mem_free(s.file);
    lt_net_free(net);
}

/* A network whose first layer stores its weight turned over makes the file that
 * one with the same start makes that does not, but for the metadata. */
static void sparse_networks_are_saved_as_others(void **state)
{
    const place *p = *state;

    for (int tie = 0; tie < LT_TIE_PINV; tie++) {
        fixture_spec f = {37, 5, 3, LT_ACT_ELU, LT_ACT_LINEAR, (lt_tie)tie, 11};
        lt_net *nets[2] = {fixture_net(f), fixture_sparse_net(f)}, *back = NULL;
        saved s[2];

        for (int i = 0; i < 2; i++) {
            save(nets[i], p->path);
            saved_read(&s[i], p->path);
        }
        assert_int_equal(s[0].data_size, s[1].data_size);
        assert_memory_equal(s[0].data, s[1].data, s[0].data_size);
        assert_non_null(strstr(s[1].header, "\"shape\":[5,37]"));
        assert_true(lt_net_params(nets[0])[1] == lt_net_params(nets[1])[5]);
        assert_int_equal(lt_checkpoint_load(p->path, &back, NULL), LT_OK);
        assert_true(lt_net_is_sparse(back));
        assert_memory_equal(lt_net_params(back), lt_net_params(nets[1]),
                            lt_net_n_params(back) * sizeof(lt_real));
        for (int i = 0; i < 2; i++) {
            lt_net_free(nets[i]);
            lt_mem_free(s[i].file);
        }
        lt_net_free(back);
    }
}

/* The same values as F64 (F32 in a double build), tensors in another order. */
static void check_other_widths(const place *p, bool is_sparse,
                               const lt_real wanted[11])
{
    char metadata[1024];
    const char *unfinished =
        "{\"__metadata__\":{\"latent.network\":\"{\\\"encoder\\\":[{"
        "\\\"act\\\":\\\"linear\\\",\\\"kind\\\":\\\"dense\\\",\\\"units\\\":2}"
        "],\\\"init\\\":{\\\"kind\\\":\\\"glorot\\\",\\\"value\\\":0.0},"
        "\\\"input\\\":[3],\\\"output\\\":\\\"linear\\\",\\\"refresh\\\":"
        "\\\"step\\\",\\\"seed\\\":0,\\\"tie\\\":\\\"tied\\\"%s}\"},";
    const double f64[] = {100, 101, 102, 1, 2, 3, 4, 5, 6, 50, 51};
    const float f32[] = {100, 101, 102, 1, 2, 3, 4, 5, 6, 50, 51};
    lt_net *net = NULL;

    snprintf(metadata, sizeof metadata, unfinished,
             is_sparse ? ",\\\"sparse\\\":true" : "");
    for (int w = 4; w <= 8; w += 4) {
        char header[2048];
        lt_err err = {0};

        snprintf(header, sizeof header,
                 "%s\"encoder.0.weight\":{\"dtype\":\"F%d\",\"shape\":[2,3],"
                 "\"data_offsets\":[%d,%d]},\"decoder.0.bias\":{\"dtype\":"
                 "\"F%d\",\"shape\":[3],\"data_offsets\":[0,%d]},"
                 "\"encoder.0.bias\":{\"dtype\":\"F%d\",\"shape\":[2],"
                 "\"data_offsets\":[%d,%d]}}",
                 metadata, 8 * w, 3 * w, 9 * w, 8 * w, 3 * w, 8 * w, 9 * w,
                 11 * w);
        write_file(p->path, header, w == 4 ? (const void *)f32 : f64,
                   (size_t)(11 * w));
        if (lt_checkpoint_load(p->path, &net, &err) != LT_OK)
            fail_msg("%s", err.text);
        assert_memory_equal(lt_net_params(net), wanted, 11 * sizeof *wanted);
        lt_net_free(net);
        net = NULL;
    }
}

static void other_widths_and_orders_are_read(void **state)
{
    const lt_real plain[] = {1, 2, 3, 4, 5, 6, 50, 51, 100, 101, 102};
    const lt_real turned[] = {1, 4, 2, 5, 3, 6, 50, 51, 100, 101, 102};

    check_other_widths(*state, false, plain);
    check_other_widths(*state, true, turned);
}

/* Loads, wants a failure with nothing large allocated; returns the message
 * after the path. */
static const char *refusal(const char *path, lt_err *err)
{
    lt_net *net = NULL;

    memset(err, 0, sizeof *err);
    assert_int_equal(lt_checkpoint_load(path, &net, err), LT_EFORMAT);
    assert_int_equal(err->status, LT_EFORMAT);
    assert_null(net);
    assert_true(strncmp(err->text, path, strlen(path)) == 0);
    return err->text + strlen(path) + 2;
}

/* `text` with the first `from` replaced. */
static void replace(char out[8192], const char *text, const char *from,
                    const char *to)
{
    const char *found = strstr(text, from);

    if (!found)
        fail_msg("no \"%s\" in the header", from);
    snprintf(out, 8192, "%.*s%s%s", (int)(found - text), text, to,
             found + strlen(from));
}

#define E0W "\"encoder.0.weight\":{\"data_offsets\":[0,120]"

typedef struct lie {
    const char *from, *to, *message;
} lie;

static const lie lies[] = {
    {"\"encoder.0.weight\"", "\"encoder.9.weight\"",
     "tensor \"encoder.0.weight\": missing"},
    {"\"decoder.1.bias\":", "\"extra\":7,\"decoder.1.bias\":",
     "7 tensors, wanted 6"},
    {"\"decoder.1.bias\":", "\"encoder.0.bias\":7,\"decoder.1.bias\":",
     "header: line 1"},
    {E0W, "\"encoder.0.weight\":{\"data_offsets\":[0,124]",
     "tensor \"encoder.0.weight\": data_offsets 0 to 124, wanted 120 bytes "
     "within the file's 256"},
    {E0W, "\"encoder.0.weight\":{\"data_offsets\":[-4,116]",
     "tensor \"encoder.0.weight\": data_offsets -4 to 116, wanted 120 bytes "
     "within the file's 256"},
    {E0W, "\"encoder.0.weight\":{\"data_offsets\":[200,320]",
     "tensor \"encoder.0.weight\": data_offsets 200 to 320, wanted 120 bytes "
     "within the file's 256"},
    {E0W, "\"encoder.0.weight\":{\"data_offsets\":[120,0]",
     "tensor \"encoder.0.weight\": data_offsets 120 to 0, wanted 120 bytes "
     "within the file's 256"},
    {E0W, "\"encoder.0.weight\":{\"data_offsets\":[4,124]",
     "tensor \"encoder.0.weight\": begins at 4, wanted 0"},
    {E0W, "\"encoder.0.weight\":{\"data_offsets\":[0.0,120]",
     "tensor \"encoder.0.weight\": data_offsets 0 to 120, wanted 120 bytes "
     "within the file's 256"},
    {E0W, "\"encoder.0.weight\":{\"data_offsets\":[0,120,240]",
     "tensor \"encoder.0.weight\": data_offsets 0 to 120, wanted 120 bytes "
     "within the file's 256"},
    {E0W ",\"dtype\":\"F32\"", E0W ",\"dtype\":\"BF16\"",
     "tensor \"encoder.0.weight\": dtype BF16, wanted F32 or F64"},
    {E0W ",\"dtype\":\"F32\"", E0W,
     "tensor \"encoder.0.weight\": dtype missing, wanted F32 or F64"},
    {"\"shape\":[5,6]", "\"shape\":[6,5]",
     "tensor \"encoder.0.weight\": wrong shape, wanted [5, 6]"},
    {"\"shape\":[5,6]", "\"shape\":[30]",
     "tensor \"encoder.0.weight\": wrong shape, wanted [5, 6]"},
    {"\"shape\":[6]", "\"shape\":[6,1]",
     "tensor \"decoder.1.bias\": wrong shape, wanted [6]"},
    {"\"latent.network\"", "\"other.network\"",
     "no \"latent.network\" in the metadata, wanted a network saved by this "
     "program"},
    {"\\\"units\\\":5", "\\\"units\\\":67000000",
     "tensor \"encoder.0.weight\": wrong shape, wanted [67000000, 6]"},
    {"\\\"units\\\":5", "\\\"units\\\":0",
     "metadata \"latent.network\": encoder layer 1: \"units\": wanted a whole "
     "number from 1 to 67108864"},
    {"\\\"tied\\\"", "\\\"untied\\\"", "tensor \"decoder.0.weight\": missing"},
    {"\\\"seed\\\":11", "\\\"seed\\\":\\\"x\\\"",
     "metadata \"latent.network\": \"seed\": wanted an integer"},
    {"{\"__metadata__\"", "[{\"__metadata__\"", "header: line 1"},
};

static void lying_headers_are_refused(void **state)
{
    const place *p = *state;
    lt_net *net = net_of(LT_TIE_TIED);
    char header[8192];
    lt_err err;
    saved s;

    if (sizeof(lt_real) == 8)
        skip(); /* the offsets below are those of F32 */
    save(net, p->path);
    saved_read(&s, p->path);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        const char *message;

        replace(header, s.header, lies[i].from, lies[i].to);
        write_file(p->path, header, s.data, s.data_size);
        message = refusal(p->path, &err);
        if (strncmp(message, lies[i].message, strlen(lies[i].message)) != 0)
            fail_msg("\"%s\"\nwanted \"%s\"", message, lies[i].message);
    }
    lt_mem_free(s.file);
    lt_net_free(net);
}

static void every_truncation_is_refused(void **state)
{
    const place *p = *state;
    lt_net *net = net_of(LT_TIE_UNTIED);
    lt_err err;
    saved s;

    save(net, p->path);
    saved_read(&s, p->path);
    for (size_t n = 0; n < s.size; n += n < 16 ? 1 : 37) {
        write_bytes(p->path, s.file, n);
        refusal(p->path, &err);
    }
    /* and bytes too many */
    write_file(p->path, s.header, s.data - 8, s.data_size + 8);
    assert_non_null(strstr(refusal(p->path, &err), "bytes of data, wanted"));
    lt_mem_free(s.file);
    lt_net_free(net);
}

static void header_lengths_are_not_believed(void **state)
{
    const place *p = *state;
    const uint64_t lengths[] = {UINT64_MAX, (uint64_t)1 << 40, 9, 0};
    lt_err err;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char file[16] = {0};

        memcpy(file, &lengths[i], 8);
        write_bytes(p->path, file, sizeof file);
        refusal(p->path, &err);
    }
    write_bytes(p->path, "latent", 6);
    assert_string_equal(refusal(p->path, &err),
                        "6 bytes, wanted at least 8 (a safetensors file)");
}

/* 64 MB of a file with holes: half of it claimed as the header. */
static void huge_headers_are_not_read(void **state)
{
    const place *p = *state;
    const uint64_t length = 32 << 20;
    lt_err err;

    write_bytes(p->path, &length, sizeof length);
    assert_int_equal(truncate(p->path, 64 << 20), 0);
    assert_non_null(strstr(refusal(p->path, &err),
                           "header of 33554432 bytes, wanted at most "
                           "16777216"));
}

/* Any byte of the header changed: refused, or a sound network. */
static void damaged_headers_never_crash(void **state)
{
    const place *p = *state;
    lt_net *net = net_of(LT_TIE_MIRRORED);
    lt_rng rng;
    saved s;

    save(net, p->path);
    saved_read(&s, p->path);
    lt_rng_init(&rng, 1, "damage");
    for (int i = 0; i < 400; i++) {
        size_t at = (size_t)lt_rng_below(&rng, s.size - s.data_size);
        char old = s.file[at];
        lt_net *loaded = NULL;

        s.file[at] = (char)lt_rng_below(&rng, 256);
        write_bytes(p->path, s.file, s.size);
        if (lt_checkpoint_load(p->path, &loaded, NULL) == LT_OK)
            assert_int_equal(lt_net_n_params(loaded), lt_net_n_params(net));
        else
            assert_null(loaded);
        lt_net_free(loaded);
        s.file[at] = old;
    }
    lt_mem_free(s.file);
    lt_net_free(net);
}

static void missing_files_and_folders_are_named(void **state)
{
    const place *p = *state;
    lt_net *net = net_of(LT_TIE_TIED), *loaded = NULL;
    lt_err err = {0};
    char path[160];

    snprintf(path, sizeof path, "%s/no/net.safetensors", p->folder);
    assert_int_equal(lt_checkpoint_load(path, &loaded, &err), LT_ENOTFOUND);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(lt_checkpoint_save(net, path, NULL, &err), LT_EIO);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(lt_checkpoint_load(p->folder, &loaded, &err), LT_EIO);
    assert_non_null(strstr(err.text, p->folder));
    lt_net_free(net);
}

static void failed_allocations_are_reported(void **state)
{
    const place *p = *state;
    fixture_spec f = {6, 5, 3, LT_ACT_ELU, LT_ACT_SIGMOID, LT_TIE_UNTIED, 11};
    lt_net *net = fixture_sparse_net(f), *loaded = NULL;
    lt_status rc = LT_ENOMEM;

    for (int n = 0; rc != LT_OK; n++) {
        lt_mem_fail_after(n);
        rc = lt_checkpoint_save(net, p->path, NULL, NULL);
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || rc == LT_ENOMEM || rc == LT_EIO);
    }
    rc = LT_ENOMEM;
    for (int n = 0; rc != LT_OK; n++) {
        lt_mem_fail_after(n);
        rc = lt_checkpoint_load(p->path, &loaded, NULL);
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || rc == LT_ENOMEM);
    }
    lt_net_free(net);
    lt_net_free(loaded);
}

/* One allocation alone fails: the file is whole, or an error was told. */
static void file_is_whole_where_one_allocation_failed(void **state)
{
    const place *p = *state;
    fixture_spec f = {6, 5, 3, LT_ACT_ELU, LT_ACT_SIGMOID, LT_TIE_UNTIED, 11};
    lt_net *net = fixture_sparse_net(f);
    char *wanted = NULL, *found;
    size_t size, found_size;
    bool was_hit = true;

    assert_int_equal(lt_checkpoint_save(net, p->path, NULL, NULL), LT_OK);
    assert_int_equal(lt_path_read(p->path, 1 << 20, &wanted, &size, NULL),
                     LT_OK);
    for (int n = 0; was_hit; n++) {
        lt_status rc;

        lt_mem_fail_some(n, 1);
        rc = lt_checkpoint_save(net, p->path, NULL, NULL);
        was_hit = lt_mem_failures() > 0;
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || was_hit);
        found = NULL;
        assert_int_equal(
            lt_path_read(p->path, 1 << 20, &found, &found_size, NULL), LT_OK);
        assert_int_equal(found_size, size);
        assert_memory_equal(found, wanted, size);
        lt_mem_free(found);
    }
    lt_mem_free(wanted);
    lt_net_free(net);
}

#define WITH_PLACE(test)                                                       \
    cmocka_unit_test_setup_teardown(test, place_make, place_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(file_is_whole_where_one_allocation_failed),
        WITH_PLACE(networks_come_back_bit_for_bit),
        WITH_PLACE(notes_stand_in_the_metadata),
        WITH_PLACE(file_is_what_the_format_says),
        WITH_PLACE(sparse_networks_are_saved_as_others),
        WITH_PLACE(other_widths_and_orders_are_read),
        WITH_PLACE(lying_headers_are_refused),
        WITH_PLACE(every_truncation_is_refused),
        WITH_PLACE(header_lengths_are_not_believed),
        WITH_PLACE(huge_headers_are_not_read),
        WITH_PLACE(damaged_headers_never_crash),
        WITH_PLACE(missing_files_and_folders_are_named),
        WITH_PLACE(failed_allocations_are_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
