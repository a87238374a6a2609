/* "latent data" from the outside: the program, against a server on this
 * machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http_fixture.h"

#include "latent/base/clock.h"
#include "latent/base/digest.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/data/catalog.h"
#include "latent/data/curves.h"
#include "latent/data/idx.h"
#include "latent/data/libsvm.h"
#include "latent/data/ratings.h"
#include "latent/data/topics.h"

enum { SIZE = 50000 };

static http_server server;
static uint8_t content[SIZE], other[SIZE];
static char sha[LT_DIGEST_HEX];
static char folder[64];
static char output[16384]; /* of the last command */

/* ---- running the program ---- */

static int world_setup(void **state)
{
    char path[128];

    (void)state;
    strcpy(folder, "/tmp/latent-data-XXXXXX");
    if (!getenv("LATENT") || !mkdtemp(folder) || chdir(folder) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/cache", folder);
    setenv("XDG_CACHE_HOME", path, 1);
    unsetenv("LATENT_MIRROR");
    for (unsigned i = 0; i < SIZE; i++) {
        content[i] = (uint8_t)((i * 2654435761u) >> 23);
        other[i] = (uint8_t)(content[i] ^ (i == SIZE / 2));
    }
    lt_digest_bytes(content, SIZE, sha);
    server.piece = SIZE / 2;
    http_serve_file(&server, 0, "a.bin", content, SIZE);
    server.n_files = 1;
    return http_start(&server) ? 0 : -1;
}

static int world_teardown(void **state)
{
    char command[96];

    (void)state;
    http_stop(&server);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return chdir("/") != 0 || system(command) != 0;
}

static void put(const char *path, const char *text)
{
    assert_int_equal(lt_path_write(path, text, strlen(text), NULL), LT_OK);
}

/* Runs "latent data" with the arguments; its exit status. $LATENT_DATA is not
 * for these tests: they have their own folders. */
static int data(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int data(const char *format, ...)
{
    char arguments[512], command[1024];
    va_list args;
    FILE *pipe;
    size_t n;

    va_start(args, format);
    vsnprintf(arguments, sizeof arguments, format, args);
    va_end(args);
    snprintf(command, sizeof command,
             "env -u LATENT_DATA '%s' data %s 2>&1 </dev/null",
             getenv("LATENT"), arguments);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    n = fread(output, 1, sizeof output - 1, pipe);
    output[n] = '\0';
    return WEXITSTATUS(pclose(pipe));
}

static void expect(int found, int wanted, const char *text)
{
    if (found != wanted || !strstr(output, text))
        fail_msg("exit status %d, wanted %d and: %s\n%s", found, wanted, text,
                 output);
}

static void assert_content(const char *path, const void *wanted, size_t n)
{
    char *found = NULL;
    size_t size = 0;
    lt_err err = {0};

    if (lt_path_read(path, 1 << 24, &found, &size, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(size, n);
    assert_memory_equal(found, wanted, n);
    lt_mem_free(found);
}

/* sets.json: "one" with a.bin, "loose" the same without a digest, "packed" in
 * an archive. */
static void put_sets(void)
{
    char text[1024];

    snprintf(text, sizeof text,
             "{\"one\": {\"source\": \"http://127.0.0.1:%d/good/one\", "
             "\"files\": [{\"name\": \"a.bin\", \"size\": %d, \"sha256\": "
             "\"%s\"}]},\n"
             "\"loose\": {\"source\": \"http://127.0.0.1:%d/good\", "
             "\"files\": [{\"name\": \"a.bin\"}]},\n"
             "\"packed\": {\"source\": \"http://127.0.0.1:%d/good\", "
             "\"folder\": \"box\", \"archive\": {\"name\": \"p.zip\"}, "
             "\"members\": [\"u.data\", \"v.data\"]}}",
             server.port, SIZE, sha, server.port, server.port);
    put("sets.json", text);
}

/* ---- fetch ---- */

static void fetch_brings_a_set_to_the_cache_once(void **state)
{
    (void)state;
    put_sets();
    expect(data("fetch one --sets sets.json"), 0, "/cache/latent/one");
    expect(0, 0, "a.bin: 50 kB, SHA-256 is right");
    assert_content("cache/latent/one/a.bin", content, SIZE);
    assert_int_equal(server.requests, 1);
    expect(data("fetch one --sets sets.json"), 0, "a.bin: already there");
    assert_int_equal(server.requests, 1);
    expect(data("ls --sets sets.json --csv"), 0, "/cache/latent/one");
    expect(data("info one --sets sets.json"), 0, "a.bin, 50 kB, right");
    assert_int_equal(truncate("cache/latent/one/a.bin", 10), 0);
    expect(data("info one --sets sets.json"), 0,
           "a.bin, 0 kB, not the published content");
    expect(data("fetch one --sets sets.json"), 0, "SHA-256 is right");
    assert_content("cache/latent/one/a.bin", content, SIZE);
}

static void fetch_takes_mirror_and_folder(void **state)
{
    char mirror[64];

    (void)state;
    put_sets();
    snprintf(mirror, sizeof mirror, "http://127.0.0.1:%d/cut/", server.port);
    expect(data("fetch one --sets sets.json --dir here --mirror %s --pause "
                "0.01",
                mirror),
           0, "here/one");
    assert_content("here/one/a.bin", content, SIZE);
    assert_int_equal(server.requests, 2); /* cut, and the rest */
    setenv("LATENT_MIRROR", mirror, 1);
    expect(data("fetch one --sets sets.json --dir there --pause 0"), 0, "");
    unsetenv("LATENT_MIRROR");
    assert_int_equal(server.requests, 4);
}

static void fetch_refuses_other_bytes(void **state)
{
    char text[256];

    (void)state;
    put_sets();
    server.files[0].bytes = other;
    expect(data("fetch one --sets sets.json"), 4, "found 50000 bytes of SHA-");
    snprintf(text, sizeof text,
             "http://127.0.0.1:%d/good/one/a.bin: ", server.port);
    expect(4, 4, text);
    snprintf(text, sizeof text, ", wanted %s", sha);
    expect(4, 4, text);
    assert_false(lt_path_exists("cache/latent/one/a.bin"));
    snprintf(text, sizeof text, "http://127.0.0.1:%d/good", server.port);
    http_serve_file(&server, 0, "train-images-idx3-ubyte.gz", content, SIZE);
    expect(data("fetch mnist --mirror %s", text), 4,
           "found a file of 50000 bytes, wanted 9912422");
    assert_false(lt_path_exists("cache/latent/mnist/"
                                "train-images-idx3-ubyte.gz"));
}

static void fetch_tells_what_is_not_there(void **state)
{
    (void)state;
    put_sets();
    server.n_files = 0;
    expect(data("fetch one --sets sets.json"), 3, "the server answers 404");
}

/* Both sources are out of reach behind a proxy that hangs up. */
static void fetch_tries_the_next_source(void **state)
{
    char proxy[64];

    (void)state;
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
    setenv("https_proxy", proxy, 1);
    expect(data("fetch mnist --tries 1"), 4, "; trying the next source");
    unsetenv("https_proxy");
    expect(4, 4, "https://ossci-datasets.s3.amazonaws.com/mnist/");
    expect(4, 4, "https://storage.googleapis.com/cvdf-datasets/mnist/");
}

static void fetch_trusts_once_and_says_so(void **state)
{
    (void)state;
    put_sets();
    expect(data("fetch loose --sets sets.json"), 0,
           "nobody published a checksum of it: trusted this once");
    expect(0, 0, sha);
    expect(data("fetch loose --sets sets.json"), 0, "already there");
    unlink("cache/latent/loose/a.bin");
    server.files[0].bytes = other;
    expect(data("fetch loose --sets sets.json"), 4, sha);
    assert_false(lt_path_exists("cache/latent/loose/a.bin"));
    server.files[0].bytes = content;
    expect(data("fetch loose --sets sets.json"), 0, "SHA-256 is right");
}

/* ---- archives ---- */

static char *zip_bytes;
static size_t zip_size;

static struct archive *zip_begin(void)
{
    struct archive *a = archive_write_new();

    archive_write_set_format_zip(a);
    assert_int_equal(archive_write_open_filename(a, "made.zip"), ARCHIVE_OK);
    return a;
}

static void zip_add(struct archive *a, const char *name, const void *bytes,
                    size_t n)
{
    struct archive_entry *e = archive_entry_new();

    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (int64_t)n);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, bytes, n), n);
    archive_entry_free(e);
}

static void zip_end(struct archive *a, const char *name)
{
    archive_write_free(a);
    lt_mem_free(zip_bytes);
    zip_bytes = NULL;
    assert_int_equal(
        lt_path_read("made.zip", 1 << 24, &zip_bytes, &zip_size, NULL), LT_OK);
    http_serve_file(&server, 0, name, zip_bytes, zip_size);
}

static void fetch_unpacks_what_is_wanted_of_an_archive(void **state)
{
    struct archive *a = zip_begin();

    (void)state;
    zip_add(a, "p/README", "read me", 7);
    zip_add(a, "p/u.data", "1 2 3", 5);
    zip_add(a, "../v.data", "4 5", 3);
    zip_end(a, "p.zip");
    put_sets();
    expect(data("fetch packed --sets sets.json"), 0, "/cache/latent/box");
    assert_content("cache/latent/box/u.data", "1 2 3", 5);
    assert_content("cache/latent/box/v.data", "4 5", 3);
    assert_false(lt_path_exists("cache/latent/box/p.zip"));
    assert_false(lt_path_exists("cache/latent/box/README"));
    assert_false(lt_path_exists("cache/latent/v.data"));
    expect(data("fetch packed --sets sets.json"), 0, "packed: already there");
    expect(data("ls --sets sets.json --json"), 0, "/cache/latent/box");
    assert_int_equal(server.requests, 1);
}

/* The archive of faces as it was published, put together from the packed
 * pictures, with the pixel `change` of picture 200 changed. */
static bool put_faces(int change)
{
    static uint8_t picture[15 + 112 * 92];
    lt_data_pair pair = {0};
    struct archive *a;

    if (lt_catalog_faces(NULL, 39, &pair, NULL) != LT_OK)
        return false;
    a = zip_begin();
    memcpy(picture, "P5\n92 112\n255\n", 14);
    for (int i = 0; i < 400; i++) {
        const lt_dataset *d = i < 390 ? pair.train : pair.test;
        const uint8_t *from = lt_dataset_values(d);
        char name[32];

        from += (size_t)(i < 390 ? i : i - 390) * 112 * 92;
        memcpy(picture + 14, from, 112 * 92);
        picture[14] = (uint8_t)(picture[14] ^ (i == 200 ? change : 0));
        snprintf(name, sizeof name, "s%d/%d.pgm", i / 10 + 1, i % 10 + 1);
        zip_add(a, name, picture, 14 + 112 * 92);
    }
    zip_end(a, "att_faces.zip");
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
    return true;
}

static void fetch_packs_the_faces_anew(void **state)
{
    char mirror[64];
    lt_data_pair pair = {0};
    lt_err err = {0};

    (void)state;
    if (!put_faces(1)) {
        print_message("skipped: no faces in LATENT_DATA\n");
        skip();
    }
    snprintf(mirror, sizeof mirror, "http://127.0.0.1:%d/good", server.port);
    expect(data("fetch faces --mirror %s", mirror), 4, "found other pictures");
    assert_false(lt_path_exists("cache/latent/orl-faces/"
                                "faces-images-idx3-ubyte"));
    assert_false(lt_path_exists("cache/latent/orl-faces/att_faces.zip"));
    assert_true(put_faces(0));
    expect(data("fetch faces --mirror %s", mirror), 0, "orl-faces");
    if (lt_catalog_faces("cache/latent", 25, &pair, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(lt_dataset_rows(pair.train), 250);
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
    expect(data("info faces"), 0, "faces-images-idx3-ubyte, 4.1 MB, right");
}

/* ---- Ctrl-C ---- */

static pid_t start_stalled(void)
{
    char mirror[64];
    pid_t child;

    snprintf(mirror, sizeof mirror, "http://127.0.0.1:%d/stall", server.port);
    child = fork();
    if (child == 0) {
        int fd = open("stalled.out", O_RDWR | O_CREAT | O_TRUNC, 0600);

        dup2(fd, 1);
        dup2(fd, 2);
        execl(getenv("LATENT"), "latent", "data", "fetch", "one", "--sets",
              "sets.json", "--mirror", mirror, (char *)NULL);
        _exit(99);
    }
    assert_true(child > 0);
    return child;
}

static void fetch_stops_by_a_signal_and_goes_on(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM};

    (void)state;
    put_sets();
    for (int i = 0; i < 2; i++) {
        double until = lt_clock_elapsed() + 20;
        int before = server.ranges, status = 0;
        pid_t child = start_stalled();
        struct stat st = {0};

        while ((stat("cache/latent/one/a.bin.part", &st) != 0 ||
                st.st_size < SIZE / 2) &&
               lt_clock_elapsed() < until)
            usleep(20000);
        kill(child, signals[i]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 128 + signals[i]);
        assert_int_equal(st.st_size, SIZE / 2);
        expect(data("fetch one --sets sets.json"), 0, "SHA-256 is right");
        assert_int_equal(server.ranges, before + 1);
        assert_content("cache/latent/one/a.bin", content, SIZE);
        unlink("cache/latent/one/a.bin");
    }
}

/* ---- other actions ---- */

static void make_writes_the_generated_set(void **state)
{
    lt_data_pair pair = {0};
    lt_dataset *back = NULL;
    char found[LT_DIGEST_HEX], wanted[LT_DIGEST_HEX];

    (void)state;
    expect(data("make curves --n-train 30 --n-test 20 --seed 7 --dir out"), 0,
           "out/curves/train-images-idx3-ubyte\n"
           "out/curves/test-images-idx3-ubyte\n");
    assert_int_equal(lt_curves_make(30, 20, 7, &pair, NULL), LT_OK);
    assert_int_equal(
        lt_idx_load("out/curves/test-images-idx3-ubyte", NULL, 0, &back, NULL),
        LT_OK);
    lt_dataset_fingerprint(back, found);
    lt_dataset_fingerprint(pair.test, wanted);
    assert_string_equal(found, wanted);
    lt_dataset_free(back);
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
}

/* The file gives the table that the generator gives: ids are 1, 2, ... and
 * every user and item has a rating. */
static void make_writes_generated_ratings(void **state)
{
    const lt_ratings_plan plan = {.users = 40,
                                  .items = 30,
                                  .rank = 4,
                                  .density = 0.5,
                                  .noise = 0.25,
                                  .seed = 3};
    lt_ratings *made = NULL, *found = NULL;
    const lt_sparse *a, *b;
    lt_err err = {0};
    size_t n;

    (void)state;
    expect(data("make ratings --seed 3 -s users=40 -s items=30 -s density=0.5 "
                "-s noise=0.25"),
           0, "data/ratings/ratings.csv\n");
    expect(0, 0, "no expected RMSE is below 0.25, the noise");
    assert_int_equal(lt_ratings_generate(&plan, &made, &err), LT_OK);
    if (lt_ratings_load("data/ratings/ratings.csv", LT_RATINGS_AUTO, &found,
                        &err) != LT_OK)
        fail_msg("%s", err.text);
    a = lt_ratings_table(made);
    b = lt_ratings_table(found);
    assert_int_equal(b->rows, 40);
    assert_int_equal(b->cols, 30);
    n = (size_t)a->start[40];
    assert_int_equal(n, 600);
    assert_memory_equal(a->start, b->start, 41 * sizeof *a->start);
    assert_memory_equal(a->index, b->index, n * sizeof *a->index);
    assert_memory_equal(a->value, b->value, n * sizeof *a->value);
    lt_ratings_free(made);
    lt_ratings_free(found);
}

static void make_writes_generated_words(void **state)
{
    const lt_topics_plan plan = {.n_train = 200,
                                 .n_test = 50,
                                 .words = 60,
                                 .topics = 3,
                                 .length = 20,
                                 .seed = 5};
    const lt_libsvm_opts opts = {.first = 1, .features = 60, .counts = true};
    lt_data_pair made = {0}, found = {0};
    char a[LT_DIGEST_HEX], b[LT_DIGEST_HEX];
    lt_err err = {0};

    (void)state;
    expect(data("make topics --n-train 200 --n-test 50 -s words=60 -s topics=3 "
                "-s length=20 --seed 5 --dir out"),
           0, "out/topics/train.svm\nout/topics/test.svm\n");
    assert_int_equal(lt_topics_make(&plan, &made, &err), LT_OK);
    if (lt_libsvm_load_pair("out/topics/train.svm", "out/topics/test.svm",
                            &opts, &found, &err) != LT_OK)
        fail_msg("%s", err.text);
    lt_dataset_fingerprint(made.train, a);
    lt_dataset_fingerprint(found.train, b);
    assert_string_equal(a, b);
    lt_dataset_fingerprint(made.test, a);
    lt_dataset_fingerprint(found.test, b);
    assert_string_equal(a, b);
    lt_dataset_free(made.train);
    lt_dataset_free(made.test);
    lt_dataset_free(found.train);
    lt_dataset_free(found.test);
}

static void mistakes_are_told(void **state)
{
    static const struct {
        const char *arguments;
        int status;
        const char *text;
    } cases[] = {
        {"", 2, "ACTION is missing"},
        {"lst", 2, "no action 'lst'; did you mean 'ls'?"},
        {"ls mnist", 2, "latent data info NAME"},
        {"info", 2, "which set? mnist, "},
        {"info mnits", 3, "no set 'mnits'; did you mean 'mnist'?"},
        {"fetch curves", 2, "latent data make curves"},
        {"make mnist", 2, "latent data fetch mnist"},
        {"make ratings -s user=3", 2, "unknown option 'user', did you mean"},
        {"make ratings --n-train 3", 2, "unknown option 'n_train'"},
        {"make topics -s words", 2, "-s words: wanted KEY=VALUE"},
        {"make curves -s seed=x", 2, "seed is 'x', wanted an integer"},
        {"fetch mnist --mirror ftp://x", 2, "begins with http://"},
        {"fetch mnist --stall 0", 2, "--stall: wanted more than 0"},
        {"fetch mnist --dirr x", 2, "did you mean --dir?"},
        {"ls --sets none.json", 4, "none.json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(data("%s", cases[i].arguments), cases[i].status, cases[i].text);
    assert_int_equal(server.requests, 0);
}

static void sets_of_ones_own_cannot_lead_astray(void **state)
{
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"[", "sets.json"},
        {"{}", "wanted an object of sets"},
        {"{\"a\": 3}", "a: wanted source, and files or archive"},
        {"{\"../a\": {\"source\": \"http://x\", \"files\": [{\"name\": "
         "\"x\"}]}}",
         "a set's name is ../a"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": [{\"name\": "
         "\"../x\"}]}}",
         "a file's name is ../x, wanted a plain name"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": [{\"name\": "
         "\".x\"}]}}",
         "a file's name is .x"},
        {"{\"a\": {\"source\": \"http://x\", \"folder\": \"/tmp\", \"files\": "
         "[{\"name\": \"x\"}]}}",
         "folder is /tmp"},
        {"{\"a\": {\"source\": \"http://x\", \"archive\": {\"name\": "
         "\"x\"}, \"members\": [\"../u\"]}}",
         "a member is ../u"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": [{\"name\": \"x\", "
         "\"sha256\": \"12\"}]}}",
         "64 hexadecimal digits"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": []}}",
         "a: files: wanted a list of at least one"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": {\"name\": "
         "\"x\"}}}",
         "a: files: wanted a list of at least one"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": [\"x\"]}}",
         "found the file 'x', wanted { \"name\": \"x\" }"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": [{\"name\": "
         "\"x\", \"sise\": 1}]}}",
         "unknown option 'sise', did you mean 'size'?"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": [{\"name\": "
         "\"x\"}], \"is_generated\": true}}",
         "unknown option 'is_generated'"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": [{\"name\": "
         "\"x\"}, {\"name\": \"x\"}]}}",
         "found x twice among the files"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": [{\"name\": "
         "\"SHA256SUMS\"}]}}",
         "a file's name is SHA256SUMS, wanted a plain name"},
        {"{\"a\": {\"source\": \"http://x\", \"files\": [{\"name\": "
         "\"x.part\"}]}}",
         "a file's name is x.part, wanted a plain name"},
        {"{\"a\": {\"source\": \"http://x\", \"archive\": {\"name\": "
         "\"x\"}, \"members\": \"u\"}}",
         "members is 'u', wanted a table"},
        {"{\"a\": {\"source\": \"http://x\", \"archive\": {\"name\": "
         "\"x\"}}}",
         "a: members: wanted a list of at least one"},
        {"{\"a\": {\"source\": \"http://x\", \"archive\": {\"name\": "
         "\"x\"}, \"members\": [\"u\"], \"limit\": \"z\"}}",
         "limit is 'z', wanted an integer"},
        {"{\"a\": {\"source\": \"ftp://x\", \"files\": [{\"name\": "
         "\"x\"}]}}",
         "source is ftp://x, wanted one that begins with http://"},
        {"{\"mnist\": {\"source\": \"http://x\", \"files\": [{\"name\": "
         "\"x\"}]}}",
         "mnist: that set is known already"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("sets.json", cases[i].json);
        if (data("fetch a --sets sets.json") == 0)
            fail_msg("accepted: %s", cases[i].json);
        expect(0, 0, cases[i].text);
    }
}

#define IN_WORLD(test)                                                         \
    cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(fetch_brings_a_set_to_the_cache_once),
        IN_WORLD(fetch_takes_mirror_and_folder),
        IN_WORLD(fetch_refuses_other_bytes),
        IN_WORLD(fetch_tells_what_is_not_there),
        IN_WORLD(fetch_tries_the_next_source),
        IN_WORLD(fetch_trusts_once_and_says_so),
        IN_WORLD(fetch_unpacks_what_is_wanted_of_an_archive),
        IN_WORLD(fetch_packs_the_faces_anew),
        IN_WORLD(fetch_stops_by_a_signal_and_goes_on),
        IN_WORLD(make_writes_the_generated_set),
        IN_WORLD(make_writes_generated_ratings),
        IN_WORLD(make_writes_generated_words),
        IN_WORLD(mistakes_are_told),
        IN_WORLD(sets_of_ones_own_cannot_lead_astray),
    };
    int failed;

    if (!getenv("LATENT")) {
        print_message("skipped: LATENT names no program\n");
        return 77;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    lt_mem_free(zip_bytes);
    return failed;
}
