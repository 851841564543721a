// What the kernels need to know of ggml's tensor, version 0.25: the order of its fields. The engine compares the size of the
// struct with the library's when it starts (src/ggml/library/abi.ts).
#ifndef ENGRAM_TENSOR_H
#define ENGRAM_TENSOR_H
#include <stddef.h>
#include <stdint.h>

struct tensor {
  int32_t type;
  void *buffer;
  int64_t ne[4];
  size_t nb[4];
  int32_t op;
  int32_t op_params[16];
  int32_t flags;
  struct tensor *src[10];
  struct tensor *view_src;
  size_t view_offs;
  char *data;
  char name[64];
  void *extra;
  char padding[8];
};

_Static_assert(sizeof(struct tensor) == 336, "ggml's tensor");
#endif
