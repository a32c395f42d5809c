#define _GNU_SOURCE
#include "CDeadman.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static timer_t timer;
static int created;

static int set(int64_t boot_nanoseconds) {
    struct itimerspec when;
    memset(&when, 0, sizeof when);
    when.it_value.tv_sec = boot_nanoseconds / 1000000000;
    when.it_value.tv_nsec = boot_nanoseconds % 1000000000;
    return timer_settime(timer, TIMER_ABSTIME, &when, NULL) == 0 ? 0 : errno;
}

int colony_deadman_arm(int64_t boot_nanoseconds) {
    int result = 0;
    pthread_mutex_lock(&lock);
    if (!created) {
        struct sigevent event;
        memset(&event, 0, sizeof event);
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGKILL;
        if (timer_create(CLOCK_BOOTTIME, &event, &timer) != 0) result = errno;
        else created = 1;
    }
    // An all-zero time would disarm; one nanosecond after boot is as much in the past as anything.
    if (result == 0) result = set(boot_nanoseconds > 0 ? boot_nanoseconds : 1);
    pthread_mutex_unlock(&lock);
    return result;
}

int colony_deadman_disarm(void) {
    int result = 0;
    pthread_mutex_lock(&lock);
    if (created) result = set(0);
    pthread_mutex_unlock(&lock);
    return result;
}

int64_t colony_boot_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
