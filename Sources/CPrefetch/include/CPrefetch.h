#ifndef CPREFETCH_H
#define CPREFETCH_H

/// Has the processor fetch the cache line of an address that is wanted soon; harmless whatever the address is.
static inline void meterfold_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
