/* Tells the thread sanitizer of the locks that it cannot see.
 *
 * A Synchronization.Mutex that is free is taken and given back by atomic operations in the code that uses it, which
 * the sanitizer knows. One that is contended is handed from thread to thread by the kernel, from inside a library that
 * is not built with the sanitizer: each hand-over would be told as a race. Preloaded, this stands before the library's
 * two functions that do it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define MUTEX __attribute__((swift_context)) void *mutex

typedef __attribute__((swiftcall)) void Lock(uint32_t thread, MUTEX);
typedef __attribute__((swiftcall)) void Unlock(MUTEX);

/* Absent in a program that is not built with the sanitizer. */
void __tsan_acquire(void *) __attribute__((weak));
void __tsan_release(void *) __attribute__((weak));

__attribute__((swiftcall)) void lockSlow(uint32_t thread, MUTEX) __asm__(LOCK);
__attribute__((swiftcall)) void unlockSlow(MUTEX) __asm__(UNLOCK);

__attribute__((swiftcall)) void lockSlow(uint32_t thread, MUTEX) {
    ((Lock *)dlsym(RTLD_NEXT, LOCK))(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

__attribute__((swiftcall)) void unlockSlow(MUTEX) {
    if (__tsan_release) __tsan_release(mutex);
    ((Unlock *)dlsym(RTLD_NEXT, UNLOCK))(mutex);
}
