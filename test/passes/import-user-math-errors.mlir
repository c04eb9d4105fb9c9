// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-import-user-math))' --split-input-file --verify-diagnostics

#rd = affine_map<(r, d) -> (r, d)>
#d = affine_map<(r, d) -> (d)>

func.func @reduction_over_rows(%x: tensor<8x4xf32>, %s: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{reduces over rows; rows from the live end on are never read: motley.mean_rows takes the mean of the live rows}}
  %y = linalg.generic {indexing_maps = [#rd, #d], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<8x4xf32>) outs(%s : tensor<4xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %t = arith.addf %a, %sum : f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @reduction_to_a_number(%x: tensor<8xf32>) -> tensor<f32> {
  %s = arith.constant dense<0.0> : tensor<f32>
  // expected-error @+1 {{reduces over rows; rows from the live end on are never read}}
  %y = linalg.reduce { arith.addf } ins(%x : tensor<8xf32>) outs(%s : tensor<f32>) dimensions = [0]
  return %y : tensor<f32>
}

// -----

func.func @maximum_of_a_row(%x: tensor<8x4xf32>, %s: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @+1 {{reduces columns by something else than a sum; motley.softmax and motley.log_sum_exp take the maximum of a row themselves}}
  %y = linalg.reduce { arith.maximumf } ins(%x : tensor<8x4xf32>) outs(%s : tensor<8xf32>) dimensions = [1]
  return %y : tensor<8xf32>
}

// -----

func.func @transposed(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %e = tensor.empty() : tensor<8x8xf32>
  // expected-error @+1 {{moves rows: they are the first dimension of one tensor and the second of another}}
  %y = linalg.transpose ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) permutation = [1, 0]
  return %y : tensor<8x8xf32>
}

// -----

func.func @product(%x: tensor<8x4xf32>, %w: tensor<4x6xf32>, %z: tensor<8x6xf32>) -> tensor<8x6xf32> {
  // expected-error @+1 {{multiplies matrices or mixes rows; a product with a matrix is motley.linear}}
  %y = linalg.matmul ins(%x, %w : tensor<8x4xf32>, tensor<4x6xf32>) outs(%z : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %y : tensor<8x6xf32>
}

// -----

func.func @vector_over_columns(%x: tensor<8x4xf32>, %v: tensor<4xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{reads 'tensor<4xf32>' along the columns; a vector over columns is a parameter: the bias of motley.linear or the gain of motley.norm}}
  %y = linalg.generic {indexing_maps = [affine_map<(r, d) -> (r, d)>, affine_map<(r, d) -> (d)>, affine_map<(r, d) -> (r, d)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %v : tensor<8x4xf32>, tensor<4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

func.func @shifted(%x: tensor<8x4xf32>) -> tensor<8x3xf32> {
  %e = tensor.empty() : tensor<8x3xf32>
  // expected-error @+1 {{reads or writes through affine_map<(d0, d1) -> (d0, d1 + 1)>, expected a projected permutation}}
  %y = linalg.generic {indexing_maps = [affine_map<(r, d) -> (r, d + 1)>, affine_map<(r, d) -> (r, d)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x4xf32>) outs(%e : tensor<8x3xf32>) {
  ^bb0(%a: f32, %out: f32):
    linalg.yield %a : f32
  } -> tensor<8x3xf32>
  return %y : tensor<8x3xf32>
}

// -----

func.func @integers(%x: tensor<8x4xi32>) -> tensor<8x4xi32> {
  %e = tensor.empty() : tensor<8x4xi32>
  // expected-error @+1 {{works on 'tensor<8x4xi32>'; a user's own mathematics works on static tensors of f32: arith.sitofp makes numbers}}
  %y = linalg.add ins(%x, %x : tensor<8x4xi32>, tensor<8x4xi32>) outs(%e : tensor<8x4xi32>) -> tensor<8x4xi32>
  return %y : tensor<8x4xi32>
}

// -----

func.func @three_dimensions(%x: tensor<8x2x2xf32>) -> tensor<8x2x2xf32> {
  %e = tensor.empty() : tensor<8x2x2xf32>
  // expected-error @+1 {{works on 'tensor<8x2x2xf32>', expected tensors [rows] or [rows, columns]}}
  %y = linalg.exp ins(%x : tensor<8x2x2xf32>) outs(%e : tensor<8x2x2xf32>) -> tensor<8x2x2xf32>
  return %y : tensor<8x2x2xf32>
}

// -----

func.func @place_of_a_row(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(r, d) -> (r, d)>, affine_map<(r, d) -> (r, d)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    // expected-error @+1 {{'linalg.index' is the place of a row or column}}
    %i = linalg.index 0 : index
    linalg.yield %a : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

func.func @unknown_function(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(r, d) -> (r, d)>, affine_map<(r, d) -> (r, d)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    // expected-error @+1 {{'math.acosh' has no kernel and no derivative here; write it with arith, the functions exp}}
    %t = math.acosh %a : f32
    linalg.yield %t : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

func.func @unknown_on_tensors(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // expected-error @+1 {{'math.cbrt' has no kernel and no derivative here}}
  %y = math.cbrt %x : tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

func.func @exponent(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // expected-error @+1 {{'math.powf' has an exponent that is no constant; for a base above 0 write exp(exponent * log(base))}}
  %y = math.powf %x, %x : tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

func.func @scalar(%x: tensor<8x4xf32>, %s: f32) -> tensor<8x4xf32> {
  // expected-error @+1 {{reads a 'f32' that is no constant; motley.scale multiplies rows by a scalar}}
  %y = linalg.fill ins(%s : f32) outs(%x : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

func.func @unfilled(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{reads what it writes, a tensor.empty that holds nothing yet; fill it first}}
  %y = linalg.generic {indexing_maps = [affine_map<(r, d) -> (r, d)>, affine_map<(r, d) -> (r, d)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %t = arith.addf %a, %out : f32
    linalg.yield %t : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

func.func @taken_apart(%x: tensor<8x4xf32>) -> tensor<4x4xf32> {
  // expected-error @+1 {{'tensor.extract_slice' takes tensors apart or puts them together; the rows of a tensor stay whole and where they are}}
  %y = tensor.extract_slice %x[0, 0] [4, 4] [1, 1] : tensor<8x4xf32> to tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// -----

func.func @not_structured(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{'linalg.softmax' is not known here; of linalg these are: generic, map, elementwise, fill, broadcast, reduce}}
  %y = linalg.softmax dimension(1) ins(%x : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

func.func @condition_of_integers(%x: tensor<8x4xf32>, %c: tensor<8x4xi32>) -> tensor<8x4xf32> {
  %zero = arith.constant dense<0> : tensor<8x4xi32>
  // expected-error @+1 {{'arith.cmpi' works on 'i32'; a user's own mathematics works on f32: arith.sitofp makes numbers of a tensor of integers before it}}
  %b = arith.cmpi ne, %c, %zero : tensor<8x4xi32>
  %y = arith.select %b, %x, %x : tensor<8x4xi1>, tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}
