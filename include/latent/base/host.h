/* What this machine and this program are, as recorded with every run. */
#ifndef LT_HOST_H
#define LT_HOST_H

#include <stdint.h>

typedef struct lt_host {
    char name[128];   /* host name */
    char boot_id[64]; /* /proc/sys/kernel/random/boot_id, or "" */
    char cpu[128];    /* "Intel(R) Xeon(R) Processor" */
    char system[128]; /* "Linux 6.1.0 x86_64" */
    char build[128];  /* "latent 0.1.0, gcc 12.2.0, Release, float" */
    int cores;        /* usable by this process (affinity, cgroup quota) */
} lt_host;

void lt_host_describe(lt_host *out);
int64_t lt_host_process_start(int pid); /* clock ticks since boot, or -1 */
int64_t lt_host_resident_bytes(void);   /* of this process, now */
int64_t lt_host_peak_bytes(void);       /* of this process, at most so far */

#endif
