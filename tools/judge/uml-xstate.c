// Lets user-mode Linux run on a CPU whose register state is larger than it knows (AMX: 11008 bytes against 2696).
//
// The host's kernel takes back a process's extended registers only as a whole (x86 xstateregs_set), while user-mode
// Linux 6.1 saved just the first 2696 bytes. So we put those bytes over the process's present state, whose rest no
// guest program uses, and hand back all of it. Loaded with LD_PRELOAD; built by tools/setup.sh where it is needed.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long (*ptrace_fn)(enum __ptrace_request, ...);

long ptrace(enum __ptrace_request request, ...) {
  static ptrace_fn next;
  if (!next) next = (ptrace_fn)dlsym(RTLD_NEXT, "ptrace");

  va_list args;
  va_start(args, request);
  pid_t pid = va_arg(args, pid_t);
  void *addr = va_arg(args, void *);
  void *data = va_arg(args, void *);
  va_end(args);

  if (request != PTRACE_SETREGSET || addr != (void *)NT_X86_XSTATE) return next(request, pid, addr, data);

  static char whole[65536] __attribute__((aligned(64)));
  const struct iovec *given = data;
  struct iovec all = {.iov_base = whole, .iov_len = sizeof whole};
  if (next(PTRACE_GETREGSET, pid, addr, &all) < 0) return -1;
  memcpy(whole, given->iov_base, given->iov_len < all.iov_len ? given->iov_len : all.iov_len);
  return next(request, pid, addr, &all);
}
