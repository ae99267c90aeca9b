/* A driver library that plays the machine that FAKE_NVML names. Signatures are those of NVIDIA's nvml.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUCCESS 0
#define INVALID_ARGUMENT 2
#define NOT_SUPPORTED 3
#define NOT_FOUND 6
#define DRIVER_NOT_LOADED 9
#define GPU_IS_LOST 15
#define LIBRARY_MISMATCH 18
#define UNKNOWN 999
#define GIB (1024ULL * 1024 * 1024)

typedef struct { unsigned long long total, free, used; } memory_t;

static int plays(const char *name) {
    const char *scenario = getenv("FAKE_NVML");
    return scenario && strcmp(scenario, name) == 0;
}

/* Handles are places: 1.. for GPUs, 100.. for slices. */
static long place(void *handle) { return (long)handle; }

int nvmlInitWithFlags(unsigned int flags) {
    if (plays("not-loaded")) return DRIVER_NOT_LOADED;
    if (plays("mismatch")) return LIBRARY_MISMATCH;
    if (plays("hung")) sleep(600);
    return SUCCESS;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return SUCCESS; }

const char *nvmlErrorString(int code) {
    switch (code) {
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case LIBRARY_MISMATCH: return "Driver/library version mismatch";
    case GPU_IS_LOST: return "GPU is lost";
    case NOT_SUPPORTED: return "Not Supported";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    snprintf(version, length, "575.64.03");
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
    if (plays("count-fails")) return UNKNOWN;
    *count = plays("none") ? 0 : plays("two") || plays("one-lost") ? 2 : 1;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) {
    if (plays("one-lost") && index == 0) return GPU_IS_LOST;
    *handle = (void *)(long)(index + 1);
    return SUCCESS;
}

int nvmlDeviceGetName(void *handle, char *name, unsigned int length) {
    if (place(handle) >= 100) snprintf(name, length, "NVIDIA H100 80GB HBM3 MIG 3g.40gb");
    else if (plays("mig") || plays("mig-empty")) snprintf(name, length, "NVIDIA H100 80GB HBM3");
    else if (plays("unified")) snprintf(name, length, "NVIDIA GB10");
    else if (place(handle) == 2) snprintf(name, length, "NVIDIA GeForce RTX 3060");
    else snprintf(name, length, "NVIDIA GeForce RTX 4090");
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
    if (plays("memory-fails")) return UNKNOWN;
    if (plays("unified")) return NOT_SUPPORTED;
    memory->total = place(handle) >= 100 ? 40 * GIB : place(handle) == 2 ? 12 * GIB : 24 * GIB;
    memory->free = memory->total - GIB;
    memory->used = GIB;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(void *handle, unsigned int *current, unsigned int *pending) {
    if (!plays("mig") && !plays("mig-empty")) return NOT_SUPPORTED;
    *current = *pending = 1;
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned int *count) {
    *count = 7;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned int index, void **slice) {
    if (plays("mig-empty") || (index != 0 && index != 2)) return NOT_FOUND;
    *slice = (void *)(long)(100 + index);
    return SUCCESS;
}
