// The matrix kernels at the sizes of a small model (width 512, hidden 1536, two groups), for kernel-bench.
plan.kernel @qkv #plan.matmul<forward, panels = [0, 16, 32], map = [0, 1], panels_per_block = 8, column_blocks = 6> [memref<1024x512xf32>, memref<2x48x512x32xf32>, memref<64x3xi32>, memref<1024x512xf32>, memref<1024x512xf32>, memref<1024x512xf32>] access [read, read, read, write, write, write]
plan.kernel @out #plan.matmul<forward, panels = [0], map = [0, 1], panels_per_block = 8, column_blocks = 2> [memref<1024x512xf32>, memref<2x16x512x32xf32>, memref<64x3xi32>, memref<1024x512xf32>] access [read, read, read, write]
plan.kernel @down #plan.matmul<forward, panels = [0], map = [0, 1], panels_per_block = 8, column_blocks = 2> [memref<1024x1536xf32>, memref<2x16x1536x32xf32>, memref<64x3xi32>, memref<1024x512xf32>] access [read, read, read, write]
plan.kernel @gate_up #plan.matmul<forward, panels = [0, 48], map = [0, 1], panels_per_block = 8, column_blocks = 6> [memref<1024x512xf32>, memref<2x96x512x32xf32>, memref<64x3xi32>, memref<1024x1536xf32>, memref<1024x1536xf32>, memref<1024x1536xf32>] access [read, read, read, write, write, write] body {
^bb0(%gate: f32, %up: f32):
  %s = motley.silu %gate : f32
  %m = arith.mulf %s, %up : f32
  motley.yield %m, %gate, %up : f32, f32, f32
}
plan.kernel @qkv_transposed #plan.matmul<transposed, panels = [0, 16, 32], map = [0, 1], panels_per_block = 1, column_blocks = 16> [memref<1024x512xf32>, memref<1024x512xf32>, memref<1024x512xf32>, memref<2x48x512x32xf32>, memref<64x3xi32>, memref<1024x512xf32>] access [read, read, read, read, read, write]
plan.kernel @out_transposed #plan.matmul<transposed, panels = [0], map = [0, 1], panels_per_block = 1, column_blocks = 16> [memref<1024x512xf32>, memref<2x16x512x32xf32>, memref<64x3xi32>, memref<1024x512xf32>] access [read, read, read, write]
plan.kernel @qkv_outer #plan.outer<panels = [0, 16, 32], map = [0, 1], panels_per_block = 8> [memref<1024x512xf32>, memref<1024x512xf32>, memref<1024x512xf32>, memref<1024x512xf32>, memref<3xi32>, i1, memref<2x48x512x32xf32>] access [read, read, read, read, read, read, read_write]
plan.kernel @out_outer #plan.outer<panels = [0], map = [0, 1], panels_per_block = 8> [memref<1024x512xf32>, memref<1024x512xf32>, memref<3xi32>, i1, memref<2x16x512x32xf32>] access [read, read, read, read, read_write]
plan.kernel @down_outer #plan.outer<panels = [0], map = [0, 1], panels_per_block = 8> [memref<1024x1536xf32>, memref<1024x512xf32>, memref<3xi32>, i1, memref<2x16x1536x32xf32>] access [read, read, read, read, read_write]
