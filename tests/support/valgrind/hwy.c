/* In place of libhwy, for valgrind on machines whose hypervisor hides the instruction rdtscp: libhwy runs it when it is loaded,
 * and valgrind then does not know it. It comes with libavcodec, by way of libjxl, and none of our code gets to it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int64_t hwy_supported_targets(void) __asm__("_ZN3hwy16SupportedTargetsEv");
void *hwy_chosen_target(void) __asm__("_ZN3hwy15GetChosenTargetEv");
void *hwy_allocate(size_t size, void *allocate, void *opaque) __asm__("_ZN3hwy20AllocateAlignedBytesEmPFPvS0_mES0_");
void hwy_free(const void *bytes, void *release, void *opaque) __asm__("_ZN3hwy16FreeAlignedBytesEPKvPFvPvS2_ES2_");
void hwy_delete(void *bytes, void *release, void *opaque,
                void *destroy) __asm__("_ZN3hwy14AlignedDeleter18DeleteAlignedArrayEPvPFvS1_S1_ES1_PFvS1_mE");

int64_t hwy_supported_targets(void)
{
    abort();
}

void *hwy_chosen_target(void)
{
    abort();
}

void *hwy_allocate(size_t size, void *allocate, void *opaque)
{
    (void)size, (void)allocate, (void)opaque;
    abort();
}

void hwy_free(const void *bytes, void *release, void *opaque)
{
    (void)bytes, (void)release, (void)opaque;
    abort();
}

void hwy_delete(void *bytes, void *release, void *opaque, void *destroy)
{
    (void)bytes, (void)release, (void)opaque, (void)destroy;
    abort();
}
