#ifndef COLONY_CDEADMAN_H
#define COLONY_CDEADMAN_H

#include <stdint.h>

// One POSIX timer per process on CLOCK_BOOTTIME whose signal is SIGKILL: the kernel ends a process that was stopped
// past the moment up to which it may hold a websocket open. Every function returns 0, or an errno value.

// Creates the timer if there is none, and sets it to fire at `boot_nanoseconds` of CLOCK_BOOTTIME. A time in the past kills at once.
int colony_deadman_arm(int64_t boot_nanoseconds);

// Stops the timer; it can be armed again.
int colony_deadman_disarm(void);

// Nanoseconds of CLOCK_BOOTTIME: the local clock that judges leases. It goes on while the machine is suspended.
int64_t colony_boot_nanoseconds(void);

#endif
