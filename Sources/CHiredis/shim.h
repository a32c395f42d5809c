#ifndef COLONY_CHIREDIS_SHIM_H
#define COLONY_CHIREDIS_SHIM_H
// The reply reader is the same in hiredis 0.14 and 1.x as long as the default object functions are used.
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
#endif
