/* This machine and this program; see latent/base/host.h.
 *
 * Everything comes from /proc, /sys and uname. What cannot be read is left
 * empty (or -1): a description never fails a run. */
#include "latent/base/host.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TEXT(x)  TEXT_(x)
#define TEXT_(x) #x

#if defined(__clang__)
#define COMPILER                                                               \
    "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__) "." TEXT(         \
        __clang_patchlevel__)
#else
#define COMPILER                                                               \
    "gcc " TEXT(__GNUC__) "." TEXT(__GNUC_MINOR__) "." TEXT(__GNUC_PATCHLEVEL__)
#endif

#ifdef LT_DOUBLE
#define REAL "double"
#else
#define REAL "float"
#endif

/* The first bytes of a small file, NUL-terminated; false when unreadable. */
static bool head_read(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    out[0] = '\0';
    if (fd < 0)
        return false;
    n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The rest of the line after "key" and blanks or a colon; "" when absent. */
static void field_find(const char *text, const char *key, char *out,
                       size_t size)
{
    const char *p = strstr(text, key);

    out[0] = '\0';
    if (!p)
        return;
    p += strlen(key);
    p += strspn(p, " \t:");
    snprintf(out, size, "%.*s", (int)strcspn(p, "\n"), p);
}

static void cpu_name(char *out, size_t size)
{
    char text[4096];

    (void)head_read("/proc/cpuinfo", text, sizeof text);
    field_find(text, "model name", out, size);
}

static int affinity_cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    return (int)sysconf(_SC_NPROCESSORS_ONLN); /* over 1024 processors */
}

/* Cores that the cgroup's "quota period" allows, rounded up; 0: no limit. */
static int quota_cores(const char *folder)
{
    char path[4200], text[128];
    long long quota, period;

    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", folder);
    if (!head_read(path, text, sizeof text) ||
        sscanf(text, "%lld %lld", &quota, &period) != 2 || quota <= 0 ||
        period <= 0)
        return 0;
    return (int)((quota + period - 1) / period);
}

/* The tightest quota of this process's cgroup (version 2) and its parents. */
static int cgroup_cores(void)
{
    char text[4096], folder[4096];
    int least = 0;

    (void)head_read("/proc/self/cgroup", text, sizeof text);
    field_find(text, "0::", folder, sizeof folder);
    for (;;) {
        int cores = quota_cores(folder);
        char *slash = strrchr(folder, '/');

        if (cores > 0 && (least == 0 || cores < least))
            least = cores;
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static int usable_cores(void)
{
    int cores = affinity_cores(), quota = cgroup_cores();

    if (quota > 0 && quota < cores)
        cores = quota;
    return cores > 0 ? cores : 1;
}

void lt_host_describe(lt_host *out)
{
    struct utsname u;

    memset(out, 0, sizeof *out);
    if (gethostname(out->name, sizeof out->name - 1) != 0)
        out->name[0] = '\0';
    (void)head_read("/proc/sys/kernel/random/boot_id", out->boot_id,
                    sizeof out->boot_id);
    out->boot_id[strcspn(out->boot_id, "\n")] = '\0';
    cpu_name(out->cpu, sizeof out->cpu);
    if (uname(&u) == 0)
        snprintf(out->system, sizeof out->system, "%.20s %.60s %.40s",
                 u.sysname, u.release, u.machine);
    snprintf(out->build, sizeof out->build, "latent %s, %s, %s, %s",
             LATENT_VERSION, COMPILER, LATENT_BUILD_TYPE, REAL);
    out->cores = usable_cores();
}

/* Field 22 of /proc/PID/stat. Field 2 is the program's name in parentheses
 * and may hold blanks and parentheses, so counting starts at the last ')'. */
int64_t lt_host_process_start(int pid)
{
    char path[64], text[2048], *p;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!head_read(path, text, sizeof text) || !(p = strrchr(text, ')')))
        return -1;
    for (int field = 2; field < 22; field++) {
        p = strchr(p + 1, ' ');
        if (!p)
            return -1;
    }
    return strtoll(p + 1, NULL, 10);
}

int64_t lt_host_resident_bytes(void)
{
    char text[256];
    int64_t pages;

    if (!head_read("/proc/self/statm", text, sizeof text) ||
        sscanf(text, "%*s %" SCNd64, &pages) != 1)
        return -1;
    return pages * (int64_t)sysconf(_SC_PAGESIZE);
}

/* VmHWM belongs to the program's image; getrusage's figure also remembers
 * what the process was before exec. */
int64_t lt_host_peak_bytes(void)
{
    char text[4096], field[64];
    struct rusage use;

    if (head_read("/proc/self/status", text, sizeof text)) {
        field_find(text, "VmHWM", field, sizeof field);
        if (isdigit((unsigned char)field[0]))
            return strtoll(field, NULL, 10) * 1024;
    }
    return getrusage(RUSAGE_SELF, &use) == 0 ? (int64_t)use.ru_maxrss * 1024
                                             : -1;
}
