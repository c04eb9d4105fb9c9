// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that the function exists.
// expected-error @below {{'motley.train' op names @train_c1, which is not a function of this module}}
motley.train @train_c1 adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that every argument is a field of the rows.
func.func private @train_c1_argument(tensor<4xi32>) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op trains @train_c1_argument, whose argument 0 does not say which field of the rows it is, and is no f32 with motley.scalar}}
motley.train @train_c1_argument adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that there is a loss.
func.func private @train_c1_none(tensor<4xi32> {motley.field = #motley.field<token>})
// expected-error @below {{'motley.train' op trains @train_c1_none, which returns no loss}}
motley.train @train_c1_none adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that a loss is one f32 per row.
func.func private @train_c1_result(tensor<4xi32> {motley.field = #motley.field<token>}) -> (f32 {motley.loss = "ce"})
// expected-error @below {{'motley.train' op trains @train_c1_result, whose result 0 has type 'f32', expected tensor<Rxf32>}}
motley.train @train_c1_result adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that a loss has a name.
func.func private @train_c1_name(tensor<4xi32> {motley.field = #motley.field<token>}) -> tensor<4xf32>
// expected-error @below {{'motley.train' op trains @train_c1_name, whose result 0 has no motley.loss name}}
motley.train @train_c1_name adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that betas are below 1.
// expected-error @below {{'motley.train' op needs 0 <= beta1, beta2 < 1, got 9.000000e-01 and 1.000000e+00}}
motley.train @train_c2 adamw beta1 0.9 beta2 1.0 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that epsilon is above 0.
// expected-error @below {{'motley.train' op needs a positive, finite epsilon, got 0.000000e+00}}
motley.train @train_c2_epsilon adamw beta1 0.9 beta2 0.95 epsilon 0.0 weight_decay 0.1 clip 1.0

// -----

// Tests that decay and clip are not negative.
// expected-error @below {{'motley.train' op needs a finite weight_decay and clip that are not negative, got 1.000000e-01 and -1.000000e+00}}
motley.train @train_c2_clip adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip -1.0

// -----

// Tests that NaN is no number.
// expected-error @below {{'motley.train' op needs 0 <= beta1, beta2 < 1, got nan and 9.500000e-01}}
motley.train @train_c2_nan adamw beta1 0x7FF8000000000000 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that all arguments have one R.
func.func private @train_c3(tensor<4xi32> {motley.field = #motley.field<token>}, tensor<5xi32> {motley.field = #motley.field<target>}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op trains @train_c3, whose argument 1 has type 'tensor<5xi32>', expected 4 rows}}
motley.train @train_c3 adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that losses have the R of the arguments.
func.func private @train_c3_result(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<5xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op trains @train_c3_result, whose result 0 has type 'tensor<5xf32>', expected 4 rows}}
motley.train @train_c3_result adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that a field is handed over once.
func.func private @train_c3_field(tensor<4xi32> {motley.field = #motley.field<token>}, tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op trains @train_c3_field, two arguments of which are the field token}}
motley.train @train_c3_field adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that losses have different names.
func.func private @train_c3_name(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"}, tensor<4xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op trains @train_c3_name, two results of which are the loss "ce"}}
motley.train @train_c3_name adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that rate is above 0: a phase that does not train anything is none.
// expected-error @below {{'motley.train' op needs a positive, finite rate, got 0.000000e+00}}
motley.train @train_c2_rate adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 rate 0.0

// -----

// Tests that an average keeps something, but not all.
// expected-error @below {{'motley.train' op needs 0 < ema < 1, got 1.000000e+00}}
motley.train @train_c2_ema adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 ema 1.0

// -----

// Tests that a scalar is handed over once.
func.func private @train_c3_scalar(tensor<4xi32> {motley.field = #motley.field<token>}, f32 {motley.scalar = "a"}, f32 {motley.scalar = "a"}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op trains @train_c3_scalar, two arguments of which are the scalar "a"}}
motley.train @train_c3_scalar adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that a scalar is f32.
func.func private @train_c1_scalar(tensor<4xi32> {motley.field = #motley.field<token>}, i64 {motley.scalar = "a"}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op trains @train_c1_scalar, whose argument 1 does not say which field of the rows it is, and is no f32 with motley.scalar}}
motley.train @train_c1_scalar adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that a phase ends before another begins.
func.func private @train_c4(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-note @below {{the phase before it}}
motley.train @train_c4 adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0
// expected-error @below {{'motley.train' op follows a phase that does not say until which step it lasts}}
motley.train @train_c4 adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that phases ascend.
func.func private @train_c4_until(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-note @below {{the phase before it}}
motley.train @train_c4_until adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 until 8
// expected-error @below {{'motley.train' op lasts until step 8, which is not behind step 8}}
motley.train @train_c4_until adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 until 8

// -----

// Tests that a phase lasts a step.
func.func private @train_c4_first(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op lasts until step 0; steps count from 1}}
motley.train @train_c4_first adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 until 0

// -----

// Tests that averages go on.
func.func private @train_c4_ema(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-note @below {{the phase before it}}
motley.train @train_c4_ema adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 ema 0.5 until 8
// expected-error @below {{'motley.train' op has another ema than the phase before it}}
motley.train @train_c4_ema adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 ema 0.25

// -----

// Tests that phases report the same losses.
func.func private @train_c4_names(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"})
func.func private @train_c4_other(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "z"})
// expected-note @below {{the phase before it}}
motley.train @train_c4_names adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 until 8
// expected-error @below {{'motley.train' op trains a function whose losses have other names than those of the phase before it}}
motley.train @train_c4_other adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that phases take the same rows.
func.func private @train_c4_rows(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"})
func.func private @train_c4_more(tensor<5xi32> {motley.field = #motley.field<token>}) -> (tensor<5xf32> {motley.loss = "ce"})
// expected-note @below {{the phase before it}}
motley.train @train_c4_rows adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 until 8
// expected-error @below {{'motley.train' op trains a function whose number of rows is not that of the phase before it}}
motley.train @train_c4_more adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

// Tests that a variable is frozen by its name.
func.func private @train_c5(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op freezes @nowhere, which is not a motley.variable}}
motley.train @train_c5 adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 frozen [@nowhere]

// -----

motley.variable @w : tensor<8x8xf32> init normal 0.02
func.func private @train_c5_twice(tensor<4xi32> {motley.field = #motley.field<token>}) -> (tensor<4xf32> {motley.loss = "ce"})
// expected-error @below {{'motley.train' op freezes @w twice}}
motley.train @train_c5_twice adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 frozen [@w, @w]
