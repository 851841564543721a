// The C functions of ggml that this engine calls, typed. Pointers are bigints. Nothing here checks anything: ggml ends the
// process on a shape it does not like, so nodes/ checks before. Not here: where the library lies (find-library.ts).

import type * as Koffi from "koffi";

/** A pointer of the library's, 0n for none. */
export type Pointer = bigint;

/** What an asynchronous call reports. */
type Done = (error: Error | null, result: number) => void;

const BASE = {
  ggml_version: "const char* ggml_version()",
  ggml_type_name: "const char* ggml_type_name(int type)",
  ggml_type_size: "size_t ggml_type_size(int type)",
  ggml_blck_size: "int64_t ggml_blck_size(int type)",
  ggml_op_name: "const char* ggml_op_name(int op)",
  ggml_unary_op_name: "const char* ggml_unary_op_name(int op)",
  ggml_tensor_overhead: "size_t ggml_tensor_overhead()",
  ggml_graph_overhead_custom: "size_t ggml_graph_overhead_custom(size_t size, bool grads)",
  ggml_init: "void* ggml_init(EngramGgmlInit params)",
  ggml_free: "void ggml_free(void* ctx)",
  ggml_new_graph_custom: "void* ggml_new_graph_custom(void* ctx, size_t size, bool grads)",
  ggml_build_forward_expand: "void ggml_build_forward_expand(void* graph, void* tensor)",
  ggml_graph_n_nodes: "int ggml_graph_n_nodes(void* graph)",
  ggml_new_tensor_4d: "void* ggml_new_tensor_4d(void* ctx, int type, int64_t a, int64_t b, int64_t c, int64_t d)",
  ggml_set_output: "void ggml_set_output(void* tensor)",
  ggml_set_param: "void ggml_set_param(void* tensor)",
  ggml_get_data: "void* ggml_get_data(void* tensor)",
  ggml_add: "void* ggml_add(void* ctx, void* a, void* b)",
  ggml_sub: "void* ggml_sub(void* ctx, void* a, void* b)",
  ggml_mul: "void* ggml_mul(void* ctx, void* a, void* b)",
  ggml_div: "void* ggml_div(void* ctx, void* a, void* b)",
  ggml_sqr: "void* ggml_sqr(void* ctx, void* a)",
  ggml_sqrt: "void* ggml_sqrt(void* ctx, void* a)",
  ggml_log: "void* ggml_log(void* ctx, void* a)",
  ggml_unary: "void* ggml_unary(void* ctx, void* a, int op)",
  ggml_silu_back: "void* ggml_silu_back(void* ctx, void* gradient, void* x)",
  ggml_swiglu_split: "void* ggml_swiglu_split(void* ctx, void* gate, void* up)",
  ggml_scale_bias: "void* ggml_scale_bias(void* ctx, void* a, float scale, float bias)",
  ggml_fill: "void* ggml_fill(void* ctx, void* a, float value)",
  ggml_clamp: "void* ggml_clamp(void* ctx, void* a, float least, float most)",
  ggml_sum: "void* ggml_sum(void* ctx, void* a)",
  ggml_sum_rows: "void* ggml_sum_rows(void* ctx, void* a)",
  ggml_argmax: "void* ggml_argmax(void* ctx, void* a)",
  ggml_repeat_4d: "void* ggml_repeat_4d(void* ctx, void* a, int64_t x, int64_t y, int64_t z, int64_t w)",
  ggml_repeat_back: "void* ggml_repeat_back(void* ctx, void* a, void* shape)",
  ggml_concat: "void* ggml_concat(void* ctx, void* a, void* b, int dim)",
  ggml_rms_norm: "void* ggml_rms_norm(void* ctx, void* a, float epsilon)",
  ggml_rms_norm_back: "void* ggml_rms_norm_back(void* ctx, void* gradient, void* x, float epsilon)",
  ggml_mul_mat: "void* ggml_mul_mat(void* ctx, void* a, void* b)",
  ggml_mul_mat_set_prec: "void ggml_mul_mat_set_prec(void* a, int precision)",
  ggml_mul_mat_id: "void* ggml_mul_mat_id(void* ctx, void* experts, void* b, void* ids)",
  ggml_cont: "void* ggml_cont(void* ctx, void* a)",
  ggml_cast: "void* ggml_cast(void* ctx, void* a, int type)",
  ggml_cpy: "void* ggml_cpy(void* ctx, void* from, void* to)",
  ggml_reshape_4d: "void* ggml_reshape_4d(void* ctx, void* a, int64_t x, int64_t y, int64_t z, int64_t w)",
  ggml_view_4d:
    "void* ggml_view_4d(void* ctx, void* a, int64_t x, int64_t y, int64_t z, int64_t w, size_t nb1, size_t nb2, size_t nb3, size_t offset)",
  ggml_permute: "void* ggml_permute(void* ctx, void* a, int x, int y, int z, int w)",
  ggml_get_rows: "void* ggml_get_rows(void* ctx, void* a, void* ids)",
  ggml_set_rows: "void* ggml_set_rows(void* ctx, void* a, void* rows, void* ids)",
  ggml_soft_max_ext: "void* ggml_soft_max_ext(void* ctx, void* a, void* mask, float scale, float maxBias)",
  ggml_soft_max_ext_back: "void* ggml_soft_max_ext_back(void* ctx, void* a, void* b, float scale, float maxBias)",
  ggml_rope_ext:
    "void* ggml_rope_ext(void* ctx, void* a, void* positions, void* factors, int dims, int mode, int context, float base, float scale, float ext, float attention, float fast, float slow)",
  ggml_rope_ext_back:
    "void* ggml_rope_ext_back(void* ctx, void* a, void* positions, void* factors, int dims, int mode, int context, float base, float scale, float ext, float attention, float fast, float slow)",
  ggml_argsort: "void* ggml_argsort(void* ctx, void* a, int order)",
  ggml_flash_attn_ext:
    "void* ggml_flash_attn_ext(void* ctx, void* q, void* k, void* v, void* mask, float scale, float maxBias, float softcap)",
  ggml_flash_attn_ext_set_prec: "void ggml_flash_attn_ext_set_prec(void* a, int precision)",
  ggml_custom_4d:
    "void* ggml_custom_4d(void* ctx, int type, int64_t x, int64_t y, int64_t z, int64_t w, void** sources, int count, void* run, int tasks, void* data)",
  ggml_opt_step_adamw:
    "void* ggml_opt_step_adamw(void* ctx, void* a, void* gradient, void* first, void* second, void* parameters)",
  ggml_fp32_to_fp16_row: "void ggml_fp32_to_fp16_row(void* from, void* to, int64_t n)",
  ggml_fp32_to_bf16_row: "void ggml_fp32_to_bf16_row(void* from, void* to, int64_t n)",
  ggml_quantize_chunk:
    "size_t ggml_quantize_chunk(int type, void* from, void* to, int64_t start, int64_t rows, int64_t width, void* importance)",
  ggml_gallocr_new: "void* ggml_gallocr_new(void* bufferType)",
  ggml_gallocr_free: "void ggml_gallocr_free(void* allocator)",
  ggml_gallocr_alloc_graph: "bool ggml_gallocr_alloc_graph(void* allocator, void* graph)",
  ggml_gallocr_reserve_n_size:
    "void ggml_gallocr_reserve_n_size(void* allocator, void* graph, const int* nodes, const int* leaves, _Out_ size_t* sizes)",
  ggml_gallocr_get_buffer_size: "size_t ggml_gallocr_get_buffer_size(void* allocator, int buffer)",
  ggml_backend_dev_name: "const char* ggml_backend_dev_name(void* device)",
  ggml_backend_dev_description: "const char* ggml_backend_dev_description(void* device)",
  ggml_backend_dev_memory: "void ggml_backend_dev_memory(void* device, _Out_ size_t* free, _Out_ size_t* total)",
  ggml_backend_dev_type: "int ggml_backend_dev_type(void* device)",
  ggml_backend_dev_init: "void* ggml_backend_dev_init(void* device, const char* parameters)",
  ggml_backend_dev_buffer_type: "void* ggml_backend_dev_buffer_type(void* device)",
  ggml_backend_dev_backend_reg: "void* ggml_backend_dev_backend_reg(void* device)",
  ggml_backend_reg_name: "const char* ggml_backend_reg_name(void* registry)",
  ggml_backend_reg_get_proc_address: "void* ggml_backend_reg_get_proc_address(void* registry, const char* name)",
  ggml_backend_free: "void ggml_backend_free(void* backend)",
  ggml_backend_supports_op: "bool ggml_backend_supports_op(void* backend, void* tensor)",
  ggml_backend_graph_compute: "int ggml_backend_graph_compute(void* backend, void* graph)",
  ggml_backend_buft_alloc_buffer: "void* ggml_backend_buft_alloc_buffer(void* bufferType, size_t bytes)",
  ggml_backend_buft_get_alignment: "size_t ggml_backend_buft_get_alignment(void* bufferType)",
  ggml_backend_buft_get_max_size: "size_t ggml_backend_buft_get_max_size(void* bufferType)",
  ggml_backend_buffer_free: "void ggml_backend_buffer_free(void* buffer)",
  ggml_backend_buffer_get_base: "void* ggml_backend_buffer_get_base(void* buffer)",
  ggml_backend_tensor_alloc: "int ggml_backend_tensor_alloc(void* buffer, void* tensor, void* address)",
  ggml_backend_tensor_set: "void ggml_backend_tensor_set(void* tensor, const void* data, size_t offset, size_t bytes)",
  ggml_backend_tensor_get: "void ggml_backend_tensor_get(void* tensor, void* data, size_t offset, size_t bytes)",
  ggml_backend_tensor_memset:
    "void ggml_backend_tensor_memset(void* tensor, uint8_t value, size_t offset, size_t bytes)",
  ggml_backend_tensor_copy: "void ggml_backend_tensor_copy(void* from, void* to)",
  ggml_threadpool_params_init: "void ggml_threadpool_params_init(void* parameters, int threads)",
  ggml_log_set: "void ggml_log_set(void* callback, void* data)",
} as const;

const REGISTRY = {
  ggml_backend_load_all_from_path: "void ggml_backend_load_all_from_path(const char* folder)",
  ggml_backend_dev_count: "size_t ggml_backend_dev_count()",
  ggml_backend_dev_get: "void* ggml_backend_dev_get(size_t index)",
} as const;

/** All functions, by their C names. */
export type Bindings = Readonly<Record<keyof typeof BASE | keyof typeof REGISTRY, NativeCall>> & {
  /** Runs a graph on another thread. */
  computeAsync(backend: Pointer, graph: Pointer, done: Done): void;
};

// biome-ignore lint/suspicious/noExplicitAny: a C function's result is what its declaration above says; each caller names it
type NativeCall = (...inputs: readonly unknown[]) => any;

/**
 * Binds the functions of a library that was loaded.
 * @throws koffi's error where a function is missing.
 */
export function bind(koffi: typeof Koffi, base: Koffi.LibraryHandle, registry: Koffi.LibraryHandle): Bindings {
  defineTypes(koffi);
  const bound: Record<string, NativeCall> = {};
  for (const [name, declaration] of Object.entries(BASE)) bound[name] = base.func(declaration);
  for (const [name, declaration] of Object.entries(REGISTRY)) bound[name] = registry.func(declaration);
  const compute = base.func(BASE.ggml_backend_graph_compute);
  return {
    ...(bound as Record<keyof typeof BASE | keyof typeof REGISTRY, NativeCall>), // each name was bound above
    computeAsync: (backend, graph, done) => compute.async(backend, graph, done),
  };
}

let typesDefined = false;

/** koffi's types are global: they may be named once. */
function defineTypes(koffi: typeof Koffi): void {
  if (typesDefined) return;
  koffi.struct("EngramGgmlInit", { mem_size: "size_t", mem_buffer: "void*", no_alloc: "bool" });
  typesDefined = true;
}
