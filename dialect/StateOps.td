// What a module owns: modalities, variables, banks, and the operations that initialise and update them.
#ifndef MOTLEY_STATE_OPS
#define MOTLEY_STATE_OPS

include "dialect/MotleyBase.td"

def ModalityOp : MotleyOp<"modality", [Symbol, HasParent<"::mlir::ModuleOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "declares a modality and its range of token ids";
  let description = [{
    The modality owns the ids [begin, end). Its index (what the `modality` field of a row holds) is its position among the
    modalities of the module. A loss is reported under the modality of its target id.

    Constraints:
    * C1: 0 <= begin < end < 2^31: ids are i32.
    * C2: ranges of two modalities of a module do not overlap.

    Example:

    ```mlir
    motley.modality @text ids 0 to 4096
    motley.modality @image ids 4096 to 4608
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$begin, I64Attr:$end);
  let assemblyFormat = "$sym_name `ids` $begin `to` $end attr-dict";
  let hasVerifier = 1;
}

def VariableOp : MotleyOp<"variable", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "declares a trained parameter and how it starts";
  let description = [{
    A matrix is stored [inputs, outputs]: y = x W. `init constant c` fills with c; `init normal s` draws from N(0, s^2);
    `init uniform b` draws from [-b, b). Draws are counter-based and depend on the seed, the variable's name and the element
    alone: element i (row-major) takes Philox4x32-10 with key (seed low, seed high) and counter (i low, i high, site low, site
    high), site being the 64-bit FNV-1a hash of the name; with u_j = ((word_j >> 9) + 0.5) * 2^-23, uniform is b (2 u_0 - 1)
    and normal is s sqrt(-2 ln u_0) cos(2 pi u_1).

    `rate` is a factor of the learning rate, 1 where it is not said; a variable of rate 0 is frozen: it has no gradient and keeps its
    value. `decay` is its weight decay, instead of what motley.train says.

    Constraints:
    * C1: the type is a static tensor of f32 of rank 1 or 2, of positive sizes and at most 2^40 elements.
    * C2: the scale is finite; that of normal and uniform is not negative.
    * C3: rate and decay are finite and not negative.

    Example:

    ```mlir
    motley.variable @blocks.0.attn.q.text : tensor<512x512xf32> init normal 2.000000e-02
    motley.variable @blocks.0.norm1.text : tensor<512xf32> init constant 1.000000e+00
    motley.variable @blocks.0.router.text : tensor<512x4xf32> init normal 2.000000e-02 rate 1.000000e-01 decay 0.000000e+00
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type, InitAttr:$init, F64Attr:$scale,
                       OptionalAttr<F64Attr>:$rate, OptionalAttr<F64Attr>:$decay);
  let assemblyFormat = "$sym_name `:` $type `init` `` $init $scale (`rate` $rate^)? (`decay` $decay^)? attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The declared tensor type, [inputs, outputs] or [width].
    RankedTensorType getTensorType() { return ::llvm::cast<RankedTensorType>(getType()); }
  }];
}

def BankOp : MotleyOp<"bank", [Symbol, HasParent<"::mlir::ModuleOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "lists variables that grouped operations read as one";
  let description = [{
    `members[m][r]` is the variable of member m in column range r. A use says which ranges it reads and which member each group
    meets. A variable lives in exactly one bank. `layout` is written by assign-layouts: `panels`, matrices packed in panels of 32
    columns, or `rows`, row-major.

    Constraints:
    * C1: at least one member; every member has the same number of ranges, at least one.
    * C2: every entry names a motley.variable.
    * C3: in one range all members have the same type; in one member all ranges have the same rank, and matrices the same
      number of rows.
    * C4: no variable appears twice, in this bank or in two.
    * C5: only a bank of matrices has a layout.

    Example:

    ```mlir
    motley.bank @bank.o [[@text.o], [@image.o]]
    motley.bank @bank.qkv [[@text.q, @text.k, @text.v], [@image.q, @image.k, @image.v]] layout panels
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ArrayAttr:$members, OptionalAttr<LayoutAttr>:$layout);
  let assemblyFormat = "$sym_name $members (`layout` `` $layout^)? attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getNumMembers() { return getMembers().size(); }
    int64_t getNumRanges();
    /// Name of the variable of `member` in `range`.
    FlatSymbolRefAttr getVariableName(int64_t member, int64_t range);
    VariableOp getVariable(int64_t member, int64_t range);
    /// The type that every member has in `range`.
    RankedTensorType getRangeType(int64_t range);
    /// The types of all ranges, or an error at the bank where an entry is not as it should be. What a verifier of another
    /// operation calls: the bank may stand below it, unverified.
    FailureOr<SmallVector<RankedTensorType>> verifyMembers(SymbolTableCollection &symbols);
  }];
}

def TrainOp : MotleyOp<"train", [HasParent<"::mlir::ModuleOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "says that a loss function is trained, and how";
  let description = [{
    derive-functions makes `init`, `eval`, `accumulate` and `update` from the function. AdamW (Loshchilov and Hutter,
    arXiv 1711.05101): decoupled weight decay, on variables of rank 2 that are not tables, unless they say otherwise; gradients are
    scaled by min(1, clip / norm), where norm is the global l2 norm; clip 0 switches it off. With `ema` d, every trained variable has
    an average a' = d a + (1 - d) w', which starts at its first value.

    Several are the phases of one run in their order: a phase lasts to the step `until`, `rate` is a factor of the learning rate in it,
    and the variables in `frozen` are not trained in it. A phase whose function, frozen variables and numbers are an earlier one's
    shares its functions; else they are named `eval.1` and so on. A variable's corrections of bias count the steps that trained it.

    Constraints:
    * C1: the symbol names a function whose arguments all carry `motley.field`, or are f32 and carry `motley.scalar`, and whose
      results are all tensor<Rxf32>, one loss per row and result, named by `motley.loss`. Once derive-functions has consumed the
      function, `losses` holds the names, and `functions` those of eval, accumulate and update.
    * C2: 0 <= beta1, beta2 < 1; epsilon > 0; weight_decay, clip >= 0; 0 < ema < 1; rate > 0; all finite.
    * C3: all arguments and results have one R; no field, scalar or loss name appears twice.
    * C4: `until` is at least 1, ascends, and only the last phase may leave it out. All phases have one R, the same names of losses,
      and the same ema.
    * C5: every entry of frozen names a motley.variable; none twice.

    Example:

    ```mlir
    motley.train @loss adamw beta1 9.000000e-01 beta2 9.500000e-01 epsilon 1.000000e-08 weight_decay 1.000000e-01 clip 1.000000e+00
    ```

    The first 100 steps train all but the embedding:

    ```mlir
    motley.train @loss adamw beta1 9.000000e-01 beta2 9.500000e-01 epsilon 1.000000e-08 weight_decay 1.000000e-01 clip 1.000000e+00 ema 9.999000e-01 until 100 frozen [@embed]
    motley.train @loss adamw beta1 9.000000e-01 beta2 9.500000e-01 epsilon 1.000000e-08 weight_decay 1.000000e-01 clip 1.000000e+00 ema 9.999000e-01 rate 5.000000e-01
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$function, F64Attr:$beta1, F64Attr:$beta2, F64Attr:$epsilon, F64Attr:$weight_decay,
                       F64Attr:$clip, OptionalAttr<F64Attr>:$ema, OptionalAttr<F64Attr>:$rate, OptionalAttr<I64Attr>:$until,
                       OptionalAttr<TypedArrayAttrBase<FlatSymbolRefAttr, "symbols of variables">>:$frozen,
                       OptionalAttr<StrArrayAttr>:$losses, OptionalAttr<StrArrayAttr>:$functions);
  let assemblyFormat = [{
    $function `adamw` `beta1` $beta1 `beta2` $beta2 `epsilon` $epsilon `weight_decay` $weight_decay `clip` $clip
    (`ema` $ema^)? (`rate` $rate^)? (`until` $until^)? (`frozen` $frozen^)? (`losses` $losses^)? (`functions` $functions^)?
    attr-dict
  }];
  let hasVerifier = 1;
}

def BackwardOp : MotleyOp<"backward", [SameVariadicOperandSize]> {
  let summary = "asks for the gradients of the variables that these losses depend on";
  let description = [{
    Given cotangents of per-row losses, differentiate replaces this operation by the adjoints of everything that the losses
    depend on; they write the gradients of banks. `add` says whether the first write of each gradient adds or overwrites. Frozen
    variables (of rate 0, or listed by the function's `motley.frozen`) get no gradient, and below the lowest that trains
    nothing is differentiated.

    Constraints:
    * C1: at least one loss; one cotangent per loss, of its type.

    Example:

    ```mlir
    motley.backward (%ce, %z) cotangents (%dce, %dz) add %add : (tensor<64xf32>, tensor<64xf32>), (tensor<64xf32>, tensor<64xf32>)
    ```
  }];
  let arguments = (ins Variadic<RowFloats>:$losses, Variadic<RowFloats>:$cotangents, I1:$add);
  let hasVerifier = 1;
  let assemblyFormat = [{
    `(` $losses `)` `cotangents` `(` $cotangents `)` `add` $add attr-dict `:` `(` type($losses) `)` `,` `(` type($cotangents) `)`
  }];
}

def InitialiseOp : MotleyOp<"initialise", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "fills a bank's variables with their initial values";
  let description = [{
    Each variable as its declaration says; padding of the packed form becomes zero.

    Constraints:
    * C1: the symbol names a motley.bank.

    Example:

    ```mlir
    motley.initialise @bank.q seed %seed
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$bank, I64:$seed);
  let assemblyFormat = "$bank `seed` $seed attr-dict";
}

def GradientNormOp : MotleyOp<"gradient_norm", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the l2 norm of all gradients of the named banks together";
  let description = [{
    Summed over fixed blocks in a fixed order, in f64. Gradients of frozen variables do not count: they are zero.

    Constraints:
    * C1: every entry names a motley.bank; at least one, none twice.

    Example:

    ```mlir
    %norm = motley.gradient_norm [@bank.q, @bank.o] : tensor<1xf32>
    ```
  }];
  let arguments = (ins TypedArrayAttrBase<FlatSymbolRefAttr, "symbols of banks">:$banks);
  let results = (outs OneFloat:$norm);
  let assemblyFormat = "$banks `:` type($norm) attr-dict";
}

def AdamWOp : MotleyOp<"adamw", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "one AdamW step on every variable of a bank";
  let description = [{
    With s = clip > 0 and norm > clip ? clip / norm : 1 and g = s * gradient, elementwise:
    m' = beta1 m + (1 - beta1) g;  v' = beta2 v + (1 - beta2) g^2;
    w' = w - rate lr * (m' / (1 - beta1^n) / (sqrt(v' / (1 - beta2^n)) + epsilon) + decay * w).
    arXiv 1711.05101, algorithm 2. rate and decay are the variable's, decay otherwise `weight_decay`; n is `step` less what the
    function's `motley.missed` says of the variable. With `ema` d, a' = d a + (1 - d) w'. Frozen variables are left alone.

    Constraints:
    * C1: the symbol names a motley.bank.
    * C2: as C2 of train.

    Example:

    ```mlir
    motley.adamw @bank.q norm %norm learning_rate %lr step %step {beta1 = 9.000000e-01 : f64, beta2 = 9.500000e-01 : f64, epsilon = 1.000000e-08 : f64, weight_decay = 1.000000e-01 : f64, clip = 1.000000e+00 : f64} : tensor<1xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$bank, OneFloat:$norm, F32:$learning_rate, I64:$step,
                       F64Attr:$beta1, F64Attr:$beta2, F64Attr:$epsilon, F64Attr:$weight_decay, F64Attr:$clip,
                       OptionalAttr<F64Attr>:$ema);
  let assemblyFormat = [{
    $bank `norm` $norm `learning_rate` $learning_rate `step` $step attr-dict `:` type($norm)
  }];
  let hasVerifier = 1;
}

#endif // MOTLEY_STATE_OPS
