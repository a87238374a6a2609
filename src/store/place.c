/* What kind of file system a path lies on; see latent/store/place.h.
 *
 * statfs tells by a number. FUSE is taken for a network: it may be one (sshfs,
 * GlusterFS, S3, virtual machines' and containers' shared folders), and what is
 * mapped into memory, as the log's index is, often is not shared there. For the
 * kernel's number it knows no name of the program behind it. Who knows better
 * says so by $LATENT_NETWORK_STORE. */
#include "latent/store/place.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "latent/base/path.h"

/* linux/magic.h and the sources of those that are not in it. */
static const struct {
    uint32_t magic;
    const char *name;
} networks[] = {
    {0x6969, "nfs"},        {0x517b, "smb"},        {0xff534d42, "cifs"},
    {0xfe534d42, "smb2"},   {0x0bd00bd0, "lustre"}, {0x47504653, "gpfs"},
    {0x5346414f, "afs"},    {0x6b414653, "afs"},    {0x00c36400, "ceph"},
    {0x01021997, "9p"},     {0x65735546, "fuse"},   {0x73757245, "coda"},
    {0x564c, "ncp"},        {0x7461636f, "ocfs2"},  {0x01161970, "gfs2"},
    {0x19830326, "beegfs"}, {0xaad7aaea, "panfs"},  {0x786f4256, "vboxsf"},
    {0xbacbacbc, "vmhgfs"},
};

static void name_find(const char *path, lt_place *out)
{
    struct statfs fs;

    if (statfs(path, &fs) != 0)
        return;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        if (networks[i].magic == (uint32_t)fs.f_type) {
            snprintf(out->name, sizeof out->name, "%s", networks[i].name);
            out->is_network = true;
        }
}

void lt_place_find(const char *path, lt_place *out)
{
    const char *said = getenv("LATENT_NETWORK_STORE");
    char at[PATH_MAX];

    *out = (lt_place){0};
    snprintf(at, sizeof at, "%s", path);
    while (!lt_path_exists(at)) {
        char *slash = strrchr(at, '/');

        if (!slash || slash == at) {
            snprintf(at, sizeof at, "%s", slash ? "/" : ".");
            break;
        }
        *slash = '\0';
    }
    name_find(at, out);
    out->is_said = said && (strcmp(said, "0") == 0 || strcmp(said, "1") == 0);
    if (out->is_said)
        out->is_network = *said == '1';
}

/* Bytes 18 and 19 of an SQLite file are 2 with a log, 1 with a journal. */
const char *lt_place_journal(const char *path)
{
    char head[20];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, head, sizeof head) : -1;

    if (fd >= 0)
        close(fd);
    if (n != (ssize_t)sizeof head || memcmp(head, "SQLite format 3", 16) != 0)
        return "";
    return head[18] == 2 ? "wal" : "truncate";
}
