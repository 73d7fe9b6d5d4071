#pragma once

// One clone per vector width, chosen at load time; ThreadSanitizer cannot start with ifuncs.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CK_NO_CLONES
#endif
#endif
#if defined(__x86_64__) && defined(__linux__) && !defined(CK_NO_CLONES)
#define CK_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CK_CLONES
#endif
#define CK_INLINE static inline __attribute__((always_inline))
