// RUN: motley-opt %s --motley-assign-layouts --motley-choose-kernels --motley-lower-to-plan --split-input-file --verify-diagnostics | FileCheck %s
// RUN: motley-opt %s --motley-to-plan --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=WHOLE

// Tests a selection: four buffers, of which gathering reads the slots' rows and combining the rows' slots. The live end of the
// rows is that of the table they are slots of, and units are counted by slots on one side and by rows on the other.

// CHECK: plan.kernel @select_0 #plan.select<counts = [4, 2], owner = [0, -1, 1]> [memref<64x4xi32>, memref<64x3xi32>, memref<4xi32>, memref<600xi32>, memref<7xi32>, memref<65xi32>, memref<600xi32>] access [read, read, read, write, write, write, write]
// CHECK: plan.kernel @combine_0 #plan.combine<> [memref<600x32xf32>, memref<4xi32>, memref<65xi32>, memref<600xi32>, memref<64x32xf32>] access [read, read, read, read, write]
// CHECK: plan.kernel @combine_1 #plan.combine<plus = true> [memref<600x32xf32>, memref<64x32xf32>, memref<4xi32>, memref<65xi32>, memref<600xi32>, memref<64x32xf32>]
// CHECK: plan.kernel @combine_2 #plan.combine<otherwise = true> [memref<600xf32>, memref<64xf32>,
// CHECK-LABEL: plan.step @selection
// WHOLE-LABEL: plan.step @selection arena
// CHECK: plan.launch @group_by_0(%{{.*}}, %{{.*}}, %{{.*}}, %[[OWN:.*]], %{{.*}})
// CHECK: plan.launch @select_0(%[[C:.*]], %[[D:.*]], %[[OWN]], %[[ROW:.*]], %[[OFFSET:.*]], %[[BEGIN:.*]], %[[SLOT:.*]]) factor 1
// CHECK: plan.launch @permute_0(%[[X:.*]], %[[ROW]], %[[OFFSET]], %[[XS:.*]]) factor 3
// CHECK: plan.launch @permute_1(%{{.*}}, %[[ROW]], %[[OFFSET]], %{{.*}}) factor 3 {{.*}} : memref<64xi32>, memref<600xi32>, memref<7xi32>, memref<600xi32>
// CHECK: plan.launch @fill_0(%[[ONES:.*]]) factor 1
// CHECK: plan.launch @permute_2(%[[ONES]], %[[ROW]], %[[OFFSET]], %[[ONE_EACH:.*]]) factor 3
// CHECK: plan.launch @combine_0(%[[XS]], %[[OWN]], %[[BEGIN]], %[[SLOT]], %[[Y:.*]]) factor 1 {bytes = {{[0-9]+}} : i64, flops = 19200 : i64}
// CHECK: plan.launch @combine_1(%[[XS]], %[[Y]], %[[OWN]], %[[BEGIN]], %[[SLOT]], %{{.*}}) factor 1
// CHECK: plan.launch @combine_2(%[[ONE_EACH]], %[[ONES]], %[[OWN]], %[[BEGIN]], %[[SLOT]], %{{.*}}) factor 1
func.func @selection(%x: tensor<64x32xf32>, %c: tensor<64x4xi32>, %d: tensor<64x3xi32>, %position: tensor<64xi32>, %modality: tensor<64xi32>, %live: i32) -> (tensor<64x32xf32>, tensor<600xi32>, tensor<64xf32>) {
  %ones = arith.constant dense<1.0> : tensor<64xf32>
  %base = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<3, 64>
  %t = motley.select (%c, %d) counts [4, 2] by %base owner [0, -1, 1] : (tensor<64x4xi32>, tensor<64x3xi32>, !motley.groups<3, 64>) -> !motley.groups<6, 600 of 64>
  %xs = motley.gather_rows %x by %t : (tensor<64x32xf32>, !motley.groups<6, 600 of 64>) -> tensor<600x32xf32>
  %p = motley.gather_rows %position by %t : (tensor<64xi32>, !motley.groups<6, 600 of 64>) -> tensor<600xi32>
  %o = motley.gather_rows %ones by %t : (tensor<64xf32>, !motley.groups<6, 600 of 64>) -> tensor<600xf32>
  %y = motley.combine_rows %xs by %t : (tensor<600x32xf32>, !motley.groups<6, 600 of 64>) -> tensor<64x32xf32>
  %z = motley.combine_rows %xs by %t plus %y : (tensor<600x32xf32>, !motley.groups<6, 600 of 64>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %n = motley.combine_rows %o by %t otherwise %ones : (tensor<600xf32>, !motley.groups<6, 600 of 64>, tensor<64xf32>) -> tensor<64xf32>
  return %z, %p, %n : tensor<64x32xf32>, tensor<600xi32>, tensor<64xf32>
}

// -----

// Tests kept rows: documents are renumbered by them with offsets of their own, and experts are selected from them. Rows of the
// second selection end where the kept ones do.

// CHECK-LABEL: plan.step @kept
// CHECK: plan.launch @group_by_0(%{{.*}}, %{{.*}}, %{{.*}}, %[[BASE:.*]], %[[INVERSE:.*]])
// CHECK: plan.launch @group_by_1(%{{.*}}, %{{.*}}, %[[DROW:[^,]*]], %[[DOFFSET:[^,]*]], %{{.*}})
// CHECK: plan.launch @reindex_0(%[[DROW]], %[[DOFFSET]], %[[INVERSE]], %[[RROW:.*]]) factor 1
// CHECK: plan.launch @restrict_0(%{{.*}}, %[[BASE]], %[[KROW:.*]], %[[KOFFSET:.*]], %[[KBEGIN:.*]], %[[KSLOT:.*]]) factor 1
// CHECK: plan.launch @reindex_selection_0(%[[RROW]], %[[DOFFSET]], %[[KBEGIN]], %[[KSLOT]], %[[SROW:.*]], %[[SOFFSET:.*]]) factor 1 {{.*}} : memref<64xi32>, memref<65xi32>, memref<65xi32>, memref<17xi32>, memref<17xi32>, memref<65xi32>
// CHECK: plan.launch @permute_0(%[[X:.*]], %[[KROW]], %[[KOFFSET]], %[[XK:.*]]) factor 1
// CHECK: plan.launch @permute_1(%[[XK]], %[[SROW]], %[[SOFFSET]], %{{.*}}) factor 1
// CHECK: plan.launch @select_0(%{{.*}}, %[[KOFFSET]], %[[ROW:.*]], %[[OFFSET:.*]], %[[BEGIN:.*]], %[[SLOT:.*]]) factor 1
// CHECK: plan.launch @permute_2(%[[XK]], %[[ROW]], %[[OFFSET]], %[[XS:.*]]) factor 1
// CHECK: plan.launch @combine_0(%[[XS]], %[[KOFFSET]], %[[BEGIN]], %[[SLOT]], %[[Y:.*]]) factor 1
// CHECK: plan.launch @combine_1(%[[Y]], %[[X]], %[[BASE]], %[[KBEGIN]], %[[KSLOT]], %{{.*}}) factor 1
func.func @kept(%x: tensor<64x32xf32>, %chosen: tensor<64x1xi32>, %experts: tensor<17x2xi32>, %document: tensor<64xi32>, %modality: tensor<64xi32>, %live: i32) -> (tensor<64x32xf32>, tensor<17x32xf32>) {
  %base = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  %d = motley.group_by %document live %live : (tensor<64xi32>, i32) -> !motley.groups<64, 64>
  %e = motley.reindex %d into %base : (!motley.groups<64, 64>, !motley.groups<2, 64>) -> !motley.groups<64, 64>
  %kept = motley.restrict %base to %chosen : (!motley.groups<2, 64>, tensor<64x1xi32>) -> !motley.groups<2, 17 of 64>
  %f = motley.reindex %e into %kept : (!motley.groups<64, 64>, !motley.groups<2, 17 of 64>) -> !motley.groups<64, 17>
  %xk = motley.gather_rows %x by %kept : (tensor<64x32xf32>, !motley.groups<2, 17 of 64>) -> tensor<17x32xf32>
  %xd = motley.gather_rows %xk by %f : (tensor<17x32xf32>, !motley.groups<64, 17>) -> tensor<17x32xf32>
  %t = motley.select (%experts) counts [2] by %kept owner [0, 0] : (tensor<17x2xi32>, !motley.groups<2, 17 of 64>) -> !motley.groups<2, 34 of 17>
  %xs = motley.gather_rows %xk by %t : (tensor<17x32xf32>, !motley.groups<2, 34 of 17>) -> tensor<34x32xf32>
  %y = motley.combine_rows %xs by %t : (tensor<34x32xf32>, !motley.groups<2, 34 of 17>) -> tensor<17x32xf32>
  %z = motley.combine_rows %y by %kept otherwise %x : (tensor<17x32xf32>, !motley.groups<2, 17 of 64>, tensor<64x32xf32>) -> tensor<64x32xf32>
  return %z, %xd : tensor<64x32xf32>, tensor<17x32xf32>
}

// -----

// Tests that a partition combines by its inverse: `plus` is added afterwards, `otherwise` is never needed.

// CHECK-LABEL: plan.step @partition
// CHECK: plan.launch @group_by_0(%{{.*}}, %{{.*}}, %{{.*}}, %[[OFFSET:.*]], %[[INVERSE:.*]])
// CHECK: plan.launch @permute_0(%[[X:.*]], %[[INVERSE]], %[[OFFSET]], %[[Y:.*]]) factor 1
// CHECK: plan.launch @map_0(%[[P:.*]], %[[Y]], %[[SUM:.*]]) factor 1
// CHECK-NEXT: plan.launch @permute_0(%[[SUM]], %[[INVERSE]], %[[OFFSET]], %{{.*}}) factor 1
// CHECK-NOT: plan.launch
func.func @partition(%x: tensor<64x32xf32>, %plus: tensor<64x32xf32>, %modality: tensor<64xi32>, %live: i32) -> tensor<64x32xf32> {
  %g = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  %y = motley.combine_rows %x by %g plus %plus : (tensor<64x32xf32>, !motley.groups<2, 64>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %z = motley.combine_rows %y by %g otherwise %x : (tensor<64x32xf32>, !motley.groups<2, 64>, tensor<64x32xf32>) -> tensor<64x32xf32>
  return %z : tensor<64x32xf32>
}

// -----

// Tests entries of slots and their adjoint (a unit for each group there, for each column here), and that a report is an output.

// CHECK: plan.kernel @slot_values_backward_0 #plan.slot_values_backward<[4, 2]> [memref<72xf32>, memref<72xi32>, memref<7xi32>, memref<64x4xf32>, memref<64x3xf32>] access [read, read, read, write, write]
// CHECK-LABEL: plan.step @slots
// CHECK: %[[OUT:.*]] = plan.output "chosen.blocks.0.ffn" : memref<2x4xf64>
// CHECK: plan.launch @count_chosen_0(%[[C:.*]], %[[OWN:.*]], %[[OUT]]) factor 2
// CHECK: plan.launch @select_0(%[[C]], %{{.*}}, %[[OWN]], %[[ROW:.*]], %[[OFFSET:.*]], %{{.*}}, %{{.*}}) factor 1
// CHECK: plan.launch @slot_values_0(%{{.*}}, %{{.*}}, %[[ROW]], %[[OFFSET]], %[[W:.*]]) factor 6
// CHECK: plan.launch @slot_values_backward_0(%[[W]], %[[ROW]], %[[OFFSET]], %{{.*}}, %{{.*}}) factor 7
func.func @slots(%p: tensor<64x4xf32>, %q: tensor<64x3xf32>, %c: tensor<64x4xi32>, %d: tensor<64x3xi32>, %modality: tensor<64xi32>, %live: i32) -> (tensor<64x4xf32>, tensor<64x3xf32>) {
  %base = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  motley.count_chosen "blocks.0.ffn" %c by %base map [0, -1] : tensor<64x4xi32>, !motley.groups<2, 64>
  %t = motley.select (%c, %d) counts [4, 2] by %base owner [0, 1] : (tensor<64x4xi32>, tensor<64x3xi32>, !motley.groups<2, 64>) -> !motley.groups<6, 72 of 64>
  %w = motley.slot_values (%p, %q) counts [4, 2] by %t : (tensor<64x4xf32>, tensor<64x3xf32>, !motley.groups<6, 72 of 64>) -> tensor<72xf32>
  %dp, %dq = motley.slot_values_backward %w counts [4, 2] by %t : (tensor<72xf32>, !motley.groups<6, 72 of 64>) -> (tensor<64x4xf32>, tensor<64x3xf32>)
  return %dp, %dq : tensor<64x4xf32>, tensor<64x3xf32>
}

// -----

// Tests choices: units are blocks of rows, or scopes and experts. Seeds and sites are operands, so that kernels are shared.

// CHECK: plan.kernel @noise_0 #plan.noise<gumbel> [memref<130xi32>, i64, i64, i64, memref<130x4xf32>] access [read, read, read, read, write]
// CHECK-NOT: plan.kernel @noise_1
// CHECK: plan.kernel @choose_tokens_0 #plan.choose_tokens<2.500000e-01 : f64, has_documents = false, map = [0, -1]> [memref<130x4xf32>, memref<130xi32>, memref<3xi32>, memref<130x4xi32>] access [read, read, read, write]
// CHECK: plan.kernel @choose_tokens_1 #plan.choose_tokens<2.500000e-01 : f64, has_documents = true, map = [0, -1]> [memref<130x4xf32>, memref<130xi32>, memref<3xi32>, memref<130xi32>, memref<131xi32>, memref<130x4xi32>]
// CHECK: plan.kernel @limit_capacity_0 #plan.limit_capacity<reroute, 2.500000e-01 : f64, has_documents = true, map = [0, -1]> [memref<130x4xi32>, memref<130x4xf32>, memref<130xi32>, memref<3xi32>, memref<130xi32>, memref<131xi32>, memref<130x4xi32>]
// CHECK-LABEL: plan.step @choices
// WHOLE-LABEL: plan.step @choices arena
// CHECK-DAG: %[[SEED:.*]] = plan.scalar "seed" : i64
// CHECK-DAG: %[[STEP:.*]] = plan.scalar "step" : i64
// CHECK-DAG: %[[SITE3:.*]] = plan.constant 3 : i64
// CHECK-DAG: %[[SITE5:.*]] = plan.constant 5 : i64
// CHECK-DAG: %[[HASH_SEED:.*]] = plan.constant 7 : i64
// CHECK: plan.launch @noise_0(%[[I:.*]], %[[SEED]], %[[STEP]], %[[SITE3]], %[[N:.*]]) factor 3
// CHECK: plan.launch @noise_0(%[[I]], %[[SEED]], %[[STEP]], %[[SITE5]], %{{.*}}) factor 3
// CHECK: plan.launch @choose_tokens_0(%[[N]], %[[I]], %{{.*}}, %[[C:.*]]) factor 4
// CHECK: plan.launch @choose_tokens_1(%[[N]], %[[I]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) factor 520
// CHECK: plan.launch @choose_experts_0(%[[N]], %[[C]], %[[K:.*]]) factor 3
// CHECK: plan.launch @choose_experts_1(%[[N]], %{{.*}}) factor 3
// CHECK: plan.launch @choose_above_0(%[[N]], %{{.*}}) factor 3
// CHECK: plan.launch @choose_top_p_0(%[[N]], %{{.*}}) factor 3
// CHECK: plan.launch @hash_0(%{{.*}}, %[[HASH_SEED]], %[[B:.*]]) factor 3
// CHECK: plan.launch @one_hot_0(%[[B]], %[[H:.*]]) factor 3
// CHECK: plan.launch @limit_capacity_0(%[[H]], %[[N]], %[[I]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) factor 130
func.func @choices(%index: tensor<130xi32>, %token: tensor<130xi32>, %document: tensor<130xi32>, %modality: tensor<130xi32>, %live: i32, %seed: i64 {motley.scalar = "seed"}, %step: i64 {motley.scalar = "step"}) -> (tensor<130x4xf32>, tensor<130x4xi32>, tensor<130x4xi32>, tensor<130x4xi32>, tensor<130x4xi32>, tensor<130x4xi32>, tensor<130x4xi32>) {
  %base = motley.group_by %modality live %live : (tensor<130xi32>, i32) -> !motley.groups<2, 130>
  %d = motley.group_by %document live %live : (tensor<130xi32>, i32) -> !motley.groups<130, 130>
  %n = motley.noise gumbel at %index seed %seed step %step {site = 3 : i64} : (tensor<130xi32>, i64, i64) -> tensor<130x4xf32>
  %m = motley.noise gumbel at %index seed %seed step %step {site = 5 : i64} : (tensor<130xi32>, i64, i64) -> tensor<130x4xf32>
  %c = motley.choose_tokens %n index %index by %base map [0, -1] {capacity = 2.500000e-01 : f64} : (tensor<130x4xf32>, tensor<130xi32>, !motley.groups<2, 130>) -> tensor<130x4xi32>
  %c2 = motley.choose_tokens %n index %index by %base map [0, -1] over %d {capacity = 2.500000e-01 : f64} : (tensor<130x4xf32>, tensor<130xi32>, !motley.groups<2, 130>, !motley.groups<130, 130>) -> tensor<130x4xi32>
  %k = motley.choose_experts %n allowed %c {k = 2 : i64} : (tensor<130x4xf32>, tensor<130x4xi32>) -> tensor<130x4xi32>
  %k2 = motley.choose_experts %n {k = 2 : i64} : (tensor<130x4xf32>) -> tensor<130x4xi32>
  %a = motley.choose_above %n {threshold = 0.000000e+00 : f64} : (tensor<130x4xf32>) -> tensor<130x4xi32>
  %p = motley.choose_top_p %n {p = 4.000000e-01 : f64} : (tensor<130x4xf32>) -> tensor<130x4xi32>
  %b = motley.hash %token {buckets = 4 : i64, seed = 7 : i64} : tensor<130xi32>
  %h = motley.one_hot %b : (tensor<130xi32>) -> tensor<130x4xi32>
  %l = motley.limit_capacity reroute %h scores %n index %index by %base map [0, -1] over %d {capacity = 2.500000e-01 : f64} : (tensor<130x4xi32>, tensor<130x4xf32>, tensor<130xi32>, !motley.groups<2, 130>, !motley.groups<130, 130>) -> tensor<130x4xi32>
  return %m, %c2, %k, %k2, %a, %p, %l : tensor<130x4xf32>, tensor<130x4xi32>, tensor<130x4xi32>, tensor<130x4xi32>, tensor<130x4xi32>, tensor<130x4xi32>, tensor<130x4xi32>
}

// -----

// Tests mathematics on rows. Noise without a seed is a constant zero: part of a map's region, and copied where it is returned.

// CHECK-LABEL: plan.step @mathematics
// CHECK: plan.launch @softmax_0(%[[X:.*]], %[[Y:.*]]) factor 2 {bytes = {{[0-9]+}} : i64, flops = 2000 : i64}
// CHECK: plan.launch @softmax_1(%[[X]], %[[C:.*]], %[[Z:.*]]) factor 2
// CHECK: plan.launch @map_0(%[[Z]], %[[N:.*]]) factor 1
// CHECK: plan.launch @to_float_0(%[[C]], %[[F:.*]]) factor 1
// CHECK: plan.launch @row_sum_0(%[[F]], %[[S:.*]]) factor 2 {bytes = {{[0-9]+}} : i64, flops = 400 : i64}
// CHECK: plan.launch @row_broadcast_0(%[[S]], %[[B:.*]]) factor 2
// CHECK: plan.launch @mean_rows_0(%[[B]], %{{.*}}, %[[M:.*]]) factor 1
// CHECK: plan.launch @mean_rows_1(%[[M]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) factor 100
// CHECK: plan.launch @log_sum_exp_0(%[[X]], %{{.*}}) factor 2
// CHECK: plan.launch @fill_0(%[[ZERO:.*]]) factor 1
// CHECK-NEXT: plan.launch @map_{{[0-9]}}(%[[ZERO]], %{{.*}})
func.func @mathematics(%x: tensor<100x4xf32>, %c: tensor<100x4xi32>, %index: tensor<100xi32>, %live: i32) -> (tensor<100x4xf32>, tensor<100x4xf32>, tensor<100x4xf32>, tensor<100xf32>, tensor<100x4xf32>) {
  %base = motley.group_by live %live : (i32) -> !motley.groups<1, 100>
  %d = motley.group_by %index live %live : (tensor<100xi32>, i32) -> !motley.groups<100, 100>
  %y = motley.softmax %x : tensor<100x4xf32>
  %z = motley.softmax %x chosen %c : tensor<100x4xf32>, tensor<100x4xi32>
  %zero = motley.noise normal at %index {site = 0 : i64} : (tensor<100xi32>) -> tensor<100x4xf32>
  %n = arith.addf %z, %zero : tensor<100x4xf32>
  %f = arith.sitofp %c : tensor<100x4xi32> to tensor<100x4xf32>
  %s = motley.row_sum %f : tensor<100x4xf32> -> tensor<100xf32>
  %b = motley.row_broadcast %s : tensor<100xf32> -> tensor<100x4xf32>
  %m = motley.mean_rows %b by %base map [0] : (tensor<100x4xf32>, !motley.groups<1, 100>) -> tensor<100x4xf32>
  %o = motley.mean_rows %m by %base map [0] over %d : (tensor<100x4xf32>, !motley.groups<1, 100>, !motley.groups<100, 100>) -> tensor<100x4xf32>
  %l = motley.log_sum_exp %x : tensor<100x4xf32> -> tensor<100xf32>
  return %y, %n, %o, %l, %zero : tensor<100x4xf32>, tensor<100x4xf32>, tensor<100x4xf32>, tensor<100xf32>, tensor<100x4xf32>
}
