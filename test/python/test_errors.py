"""A user's mistake gives one message: what, got and expected, at the user's line, with a caret."""

import pytest

import motley as mt
from motley import nn

HEAD = """\
import motley as mt
from motley import nn

class Model(nn.Module):
    def __init__(self, data):
        self.embed = nn.Embedding(data.vocabulary, 16)
        self.head = nn.Head(16, data.vocabulary)
        self.criterion = nn.CrossEntropy(self.head)
        self.part = {part}

    def loss(self, tokens):
        x = self.embed(tokens)
        x = {use}
        return {returned}

def model(data):
    return Model(data)
"""


def fail(write_model, data, part="nn.Linear(16, 16)", use="self.part(x)", returned="self.criterion(x, tokens)"):
    """Trace the template and return the file and the error."""
    path = write_model(HEAD.format(part=part, use=use, returned=returned))
    with pytest.raises(mt.Error) as caught:
        mt.read_model(path, data)
    return path, caught.value


def test_shape_mismatch_shows_file_line_excerpt_and_caret(write_model, data):
    path, error = fail(write_model, data, part="nn.Linear(32, 16)", use="self.part(x) + x")
    assert str(error) == f"""\
{path}:13:13: error: Linear 'part' got rows of width 16; expected 32
    x = self.part(x) + x
        ^~~~~~~~~~~~
{path}:9:21: note: Linear was made here
    self.part = nn.Linear(32, 16)
                ^~~~~~~~~~~~~~~~~"""


def test_internals_stay_out(write_model, data):
    _, error = fail(write_model, data, part="nn.Linear(32, 16)")
    assert "motley/" not in str(error) and "Traceback" not in str(error)


CASES = [
    # part, use, returned, line, message
    (
        "nn.Linear(16, 8)",
        "x + self.part(x)",
        None,
        13,
        "shapes of '+' differ: [R, 16] and [R, 8]; expected the same; a residual needs a sublayer whose output is as wide as "
        "its input",
    ),
    (
        "nn.Linear(16, 16, untie=data.modalities)",
        "self.part(x)",
        None,
        13,
        "Linear 'part' is untied by modality and needs the tokens; call it with (x, tokens)",
    ),
    (
        "nn.Attention(16, 2)",
        "self.part(x, None)",
        None,
        13,
        "Attention 'part' needs the tokens; call it with (x, tokens)",
    ),
    (
        "nn.ByModality(text=nn.SwiGLU(16), speech=nn.SwiGLU(16))",
        "self.part(x, tokens)",
        None,
        9,
        "unknown modality 'speech'; expected one of text, image",
    ),
    (
        "nn.ByModality(text=nn.SwiGLU(16))",
        "self.part(x, tokens)",
        None,
        9,
        "ByModality 'part' has no module for modality 'image'; expected one for each of text, image",
    ),
    (
        "nn.ByModality(text=nn.SwiGLU(16), image=nn.Linear(16, 8))",
        "self.part(x, tokens)",
        None,
        9,
        "ByModality 'part' yields [R, 16] for 'text' and [R, 8] for 'image'; expected the same",
    ),
    (
        "nn.ByModality(text=nn.Attention(16, 2), image=nn.SwiGLU(16))",
        "self.part(x, tokens)",
        None,
        13,
        "Attention 'part.text' is inside a module for one modality; attention runs over all rows: untie its weights instead, "
        "as in nn.Attention(..., untie=modalities)",
    ),
    (
        "nn.ByModality(text=nn.SwiGLU(16, untie=data.modalities), image=nn.SwiGLU(16))",
        "self.part(x, tokens)",
        None,
        13,
        "SwiGLU 'part.text' is untied by modality inside a module that already belongs to one; untie at one place only",
    ),
    (
        "nn.Linear(16, 16, untie=data.modalities.sharing(speech='text'))",
        "x",
        None,
        9,
        "unknown modality 'speech'; expected one of text, image",
    ),
    (
        "nn.Attention(16, 2, untie=data.modalities.only('qvk'))",
        "x",
        None,
        9,
        "untie names the unknown part 'qvk'; expected some of qkv, qk_norm, o",
    ),
    (
        "nn.Attention(16, 2, untie={'qkv'})",
        "x",
        None,
        9,
        "untie is a set of parts without modalities; write untie=modalities.only('qkv')",
    ),
    ("nn.Linear(16, 16, untie='text')", "x", None, 9, "untie is str; expected Modalities, Towers or None"),
    (
        "nn.Linear(16, 16, untie=mt.Modalities(a=32, b=32))",
        "self.part(x, tokens)",
        None,
        9,
        "Linear 'part' is untied over a, b; the data has text, image",
    ),
    ("nn.Attention(16, 3)", "x", None, 9, "width 16 is not divisible by 3 heads"),
    ("nn.Attention(16, 4, kv_heads=3)", "x", None, 9, "4 heads are not divisible by 3 key heads"),
    ("nn.Attention(12, 4)", "x", None, 9, "width 3 of a head is odd; RoPE needs an even one"),
    ("nn.Attention(16, 4, mask='casual')", "x", None, 9, "unknown mask 'casual'; expected one of causal, span, full"),
    (
        "nn.Attention(16, 4, qk_norm='batch')",
        "x",
        None,
        9,
        "unknown qk_norm 'batch'; expected False, True, 'rms' or 'layer'",
    ),
    ("nn.MLP(16, activation='tanh')", "x", None, 9, "unknown activation 'tanh'; expected one of gelu, relu, silu"),
    ("nn.Linear(16, 0)", "x", None, 9, "number of outputs is 0; expected an integer of at least 1"),
    ("nn.RMSNorm(16, eps=0)", "x", None, 9, "eps is 0; expected a number above 0"),
    (
        "nn.SwiGLU(16, rule='llama')",
        "x",
        None,
        9,
        "unknown rule 'llama' for the hidden size; expected multiple or chameleon",
    ),
    (
        "nn.Embedding(60, 16)",
        "self.part(tokens)",
        None,
        9,
        "Embedding 'part' has 60 rows; the modalities have 64 token ids; make it nn.Embedding(data.vocabulary, 16)",
    ),
    ("nn.Linear(16, 16)", "x", None, 9, "parameter 'part' is never used by loss; use its module or remove it"),
    (
        "None",
        "nn.Linear(16, 16)(x)",
        None,
        13,
        "a parameter is used that does not belong to the model; keep its module in an attribute of the model",
    ),
    (
        "nn.Linear(16, 16)",
        "self.part(tokens)",
        None,
        13,
        "Linear got a Tokens; expected a traced tensor of rows; pass tokens.token to an embedding, and the tokens as the "
        "second argument",
    ),
    ("None", "x if x else x", None, 13, "a traced tensor has no value yet; a model cannot branch on one"),
    ("None", "x * tokens.position", None, 13, "operand of '*' has elements of i32; expected f32"),
    ("None", "x * 'two'", None, 13, "operand of '*' is a str; expected a tensor or a number"),
    ("None", "x * float('inf')", None, 13, "number inf is not finite"),
    (
        "None",
        "tokens.modality_id",
        None,
        13,
        "AttributeError: tokens have no field 'modality_id'; expected one of token, target, weight, modality, document, span, "
        "order, position, index",
    ),
    ("None", "x.mean()", None, 13, "AttributeError: 'Tensor' object has no attribute 'mean'"),
    ("None", "undefined_name", None, 13, "NameError: name 'undefined_name' is not defined"),
    (
        "None",
        "x",
        "x",
        11,
        "loss 'loss' is Tensor(tensor<2048x16xf32>); expected one f32 for each row, tensor<2048xf32>",
    ),
    (
        "None",
        "x",
        "None",
        11,
        "loss returned None; expected a tensor [R] or a dictionary of them by name, as nn.CrossEntropy makes",
    ),
]


@pytest.mark.parametrize("part, use, returned, line, message", CASES)
def test_message_and_line(write_model, data, part, use, returned, line, message):
    path, error = fail(write_model, data, part, use, returned or "self.criterion(x, tokens)")
    assert error.message == message
    assert (error.location.file, error.location.line) == (str(path), line)


def test_value_of_one_modality_does_not_leave_its_case(write_model, data):
    path = write_model(
        HEAD.format(
            part="nn.ByModality(text=Leak(), image=Leak())",
            use="self.part(x, tokens)",
            returned="self.criterion(Leak.kept, tokens)",
        )
        + """
class Leak(nn.Module):
    def forward(self, x, tokens):
        Leak.kept = nn.silu(x)
        return Leak.kept
"""
    )
    with pytest.raises(mt.Error, match="made for the rows of one modality is used outside of them") as caught:
        mt.read_model(path, data)
    assert caught.value.location.line == 14


@pytest.mark.parametrize(
    "source, message, line",
    [
        ("def model(data:\n  pass\n", "syntax error: '(' was never closed", 1),
        ("import nonexistent_package\n", "ModuleNotFoundError: No module named 'nonexistent_package'", 1),
        ("x = 1\n", "does not define model(data)", None),
        ("def model():\n    return 1\n", "model takes no argument; expected def model(data)", 1),
        ("def model(data):\n    return 1\n", "model(data) returned an int; expected an nn.Module", 1),
        ("def model(data, size):\n    return 1\n", "model needs a value for 'size'; give --set size=VALUE", 1),
        (
            "from motley import nn\nclass M(nn.Module): pass\ndef model(data):\n    return M()\n",
            "M has no method loss(tokens)",
            4,
        ),
        ("raise SystemExit(3)\n", "called exit(3)", None),
        ("train = dict(learning_rat=1)\ndef model(data): pass\n", "unknown training setting 'learning_rat'", None),
        (
            "train = dict(schedule='cosin')\ndef model(data): pass\n",
            "training setting 'schedule' is 'cosin'; expected one of constant, cosine, linear",
            None,
        ),
        (
            "train = dict(rows='many')\ndef model(data): pass\n",
            "training setting 'rows' is 'many'; expected an integer",
            None,
        ),
        (
            "train = dict(beta1=1.0)\ndef model(data): pass\n",
            "training setting 'beta1' is 1.0; expected less than 1",
            None,
        ),
    ],
)
def test_model_files_that_do_not_load(write_model, data, source, message, line):
    path = write_model(source)
    with pytest.raises(mt.Error) as caught:
        mt.read_model(path, data)
    assert message in caught.value.message
    assert (caught.value.location.line if caught.value.location else None) == line


def test_names_of_modalities_and_parameters_do_not_meet(write_model, data):
    path = write_model(
        HEAD.format(part="None", use="self.text(x)", returned="self.criterion(x, tokens)").replace(
            "self.part = None", "self.text = nn.Linear(16, 16)"
        )
    )
    with pytest.raises(
        mt.Error, match="parameter 'text' has the name of a modality; rename the attribute that holds it"
    ):
        mt.read_model(path, data)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: mt.Modalities(), "no modality is given; expected at least one, as in Modalities(text=4096)"),
        (lambda: mt.Modalities(text=0), "modality 'text' has 0 token ids; expected an integer of at least 1"),
        (
            lambda: mt.Modalities.from_ranges([mt.Modality("a", 0, 9), mt.Modality("b", 8, 12)]),
            "the ids of modalities 'a' and 'b' overlap",
        ),
        (
            lambda: mt.Modalities.from_ranges([mt.Modality("a", 0, 9), mt.Modality("a", 9, 12)]),
            "modality 'a' is given twice",
        ),
        (lambda: mt.Modalities(text=3)["image"], "unknown modality 'image'; expected one of text"),
        (
            lambda: mt.Modalities(a=1, b=1, c=1).sharing(a="b", b="c"),
            "modality 'a' takes the tower of 'b', which has none of its own",
        ),
        (
            lambda: nn.ByModality(),
            "ByModality has no modules; expected one for each modality, as in ByModality(text=..., " "image=...)",
        ),
        (lambda: nn.ByModality(text=3), "ByModality has an int for modality 'text'; expected a Module"),
        (lambda: nn.CrossEntropy(nn.Linear(3, 3)), "CrossEntropy got a Linear; expected an nn.Head"),
        (
            lambda: nn.Parameter((3,), "zeros", 1),
            "unknown initialiser 'zeros'; expected one of normal, uniform, constant",
        ),
    ],
)
def test_constructors_refuse_at_the_callers_line(make, message):
    with pytest.raises(mt.Error) as caught:
        make()
    assert caught.value.message == message
    assert caught.value.location.file == __file__


def test_importing_the_package_loads_nothing_heavy():
    import subprocess
    import sys

    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, motley; print(*sys.modules)"],
        text=True,
        capture_output=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    ).stdout.split()
    assert "motley.nn" in loaded
    assert not {"_motley", "numpy", "motley.data", "safetensors", "PIL"} & set(loaded)
