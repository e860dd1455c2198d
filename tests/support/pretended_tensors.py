"""Tensors that say they are on a GPU while the CPU computes them, and the book of what was done with them.

``PretendedTensor`` wraps a tensor of the CPU, ``values``. Asked in Python, it is on ``cuda:0``. Every operation passes
through ``execute`` below autograd: operands on two devices, or a generator of another device than the operands', raise
as they would on a GPU; else the operation is computed on the ``values`` and its results are wrapped. To torch's C++
code the wrapper is a tensor of the CPU. So whatever that code makes "where its argument is" is put on the device here.

The book counts operations that would start a kernel or a copy, and lists those for which the CPU would wait, each with
the line of the engine that asked for it. As in ``torch.cuda.set_sync_debug_mode``, these are transfers that were not
asked to be ``non_blocking``, reads of a value, and operations whose result's size depends on values.
"""

from __future__ import annotations

import linecache
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE, HOST = torch.device("cuda:0"), torch.device("cpu")
ROOT = Path(__file__).parents[2]
_TELLING = tuple(f"{ROOT / folder}/" for folder in ("engine", "tests/cuda"))

_WAIT = frozenset({
    "_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique", "_unique2", "unique_dim",
    "unique_consecutive", "bincount", "histc", "_linalg_eigh", "_linalg_svd", "linalg_lstsq", "_linalg_check_errors",
})  # fmt: skip
"""Operations for which the CPU waits: it needs a value, or the size of the result."""
_INDEXING = frozenset({"index", "_unsafe_index", "index_put", "index_put_", "_index_put_impl_"})
"""Operations that send indices of the CPU to the device themselves, and look for the places of a mask."""
_FREE = frozenset({
    "empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided", "lift_fresh",
    "_unsafe_view", "_reshape_alias", "resize_", "set_", "is_same_size",
})  # fmt: skip
"""Operations besides views that start no kernel."""
_TAKE_SCALARS = frozenset({"fill", "fill_", "masked_fill", "masked_fill_", "where", "index_put", "index_put_"})
"""Operations besides elementwise ones that take a 0-dimensional tensor of the CPU."""


@dataclass
class Book:
    """What was done on the device since ``clear``, and what is to happen there."""

    operations: Counter[str] = field(default_factory=Counter)
    """How often each operation was started."""
    waits: Counter[str] = field(default_factory=Counter)
    """How often the CPU waited: ``what at file:line: its text``."""
    random_state: Tensor = field(default_factory=lambda: torch.Generator().manual_seed(77).get_state())
    """State of the device's generator."""
    memory_is_full: Callable[[], bool] = lambda: False
    """Asked before each operation; true raises OutOfMemoryError."""
    depth: int = 0
    """How many functions of torch are at work on a pretended tensor."""

    def clear(self) -> None:
        self.operations.clear()
        self.waits.clear()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While a function of torch is at work, tensors that it makes on the CPU are meant for the device."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    @contextmanager
    def aside(self, waits: bool = True) -> Iterator[None]:
        """Forget the operations of the block and, with ``waits``, where the CPU waited."""
        operations, waited = self.operations.copy(), self.waits.copy()
        try:
            yield
        finally:
            self.operations = operations
            if waits:
                self.waits = waited

    def wait(self, what: str) -> None:
        self.waits[f"{what} at {place()}"] += 1

    def start(self, name: str) -> None:
        """Count an operation. Raises OutOfMemoryError if that was asked for."""
        if self.memory_is_full():
            raise torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 MiB. GPU 0 has a total capacity of 0 bytes of which 0 "
                "bytes is free.\nIncluding non-PyTorch memory"
            )
        self.operations[name] += 1


book = Book()
"""The book of the only pretended device."""


def place() -> str:
    """Where the engine, or a test in tests/cuda, asked for what is being done: ``file:line: text``."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_TELLING):
            line = linecache.getline(name, frame.f_lineno).strip()
            return f"{Path(name).relative_to(ROOT)}:{frame.f_lineno}: {line}"
        frame = frame.f_back
    return "a line outside the engine"


def is_at_work(function: str) -> bool:
    """Whether a function of the engine with this qualified name is being called now."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_qualname == function and code.co_filename.startswith(_TELLING[0]):
            return True
        frame = frame.f_back
    return False


class PretendedTensor(torch.Tensor):
    """A tensor on the pretended device; see the module."""

    values: Tensor

    @staticmethod
    def __new__(cls, values: Tensor) -> PretendedTensor:
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, values.shape, strides=values.stride(), storage_offset=values.storage_offset(),
            dtype=values.dtype, layout=values.layout, device=HOST,
        )  # fmt: skip
        made.values = values.detach()
        return made

    def record_stream(self, stream: Any) -> None:
        """Nothing: memory of the device is never given to another tensor. (C++ would refuse a pretended stream.)"""

    def __init__(self, values: Tensor):
        pass

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"<{tuple(self.shape)} {self.dtype} on the pretended device>"

    def __format__(self, spec: str) -> str:
        book.wait("reading values")
        return format(self.values, spec)

    def __reduce_ex__(self, proto: Any) -> Any:
        """Pickled as a tensor of the CPU, which is what ``map_location="cpu"`` makes of one of a GPU."""
        return _to_host(self).__reduce_ex__(proto)

    def __deepcopy__(self, memo: dict[int, Any]) -> PretendedTensor:
        book.start("clone")
        copied = PretendedTensor(self.values.clone())
        if getattr(self, "_is_param", False):
            copied._is_param = True  # type: ignore[attr-defined]
        memo[id(self)] = copied.requires_grad_(self.requires_grad)
        return copied

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (answer := _ANSWERS.get(func)) is not None:
            return answer(*args, **(kwargs or {}))
        with book.at_work(), torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return execute(func, args, kwargs or {})


class PretendedDispatch(TorchDispatchMode):
    """While entered, tensors that are made on or sent to ``cuda:0`` are pretended ones."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return execute(func, args, kwargs or {})


# -- what tensors answer in Python -----------------------------------------------------------------------


def _to_host(tensor: PretendedTensor, *_: Any, **__: Any) -> Tensor:
    book.wait("a copy to the CPU")
    book.start("copy to the CPU")
    return tensor.values.clone()


def _to(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``Tensor.to`` where the tensor, or the one whose device and type are asked for, is pretended."""
    copy = kwargs.pop("copy", False)
    if args and isinstance(args[0], Tensor):
        args = (args[0].device, args[0].dtype, *args[1:])
    if len(args) > 3 or (len(args) == 3 and not isinstance(args[1], torch.dtype)):
        args, copy = args[:-1], args[-1]
    device, dtype, non_blocking, memory_format = torch._C._nn._parse_to(*args, **kwargs)  # type: ignore[attr-defined]
    dtype = dtype or tensor.dtype
    rest = {} if memory_format is None else {"memory_format": memory_format}
    if not isinstance(tensor, PretendedTensor):
        return tensor.to(device=device, dtype=dtype, non_blocking=non_blocking, copy=copy, **rest)
    if device is not None and device.type == "cpu":
        return _to_host(tensor.detach()).to(dtype=dtype, **rest)
    with book.at_work(), torch._C.DisableTorchFunctionSubclass():
        return tensor.to(dtype=dtype, copy=copy, **rest)


def _empty_like(
    tensor: PretendedTensor, *, device: Any = None, pin_memory: bool = False, **kwargs: Any
) -> Tensor:
    if device is None or torch.device(device).type != "cpu":
        with book.at_work(), torch._C.DisableTorchFunctionSubclass():
            return torch.empty_like(tensor, device=device, **kwargs)
    made = torch.empty_like(tensor.values, **kwargs)
    made.is_pretended_pinned = pin_memory  # type: ignore[attr-defined]
    return made


def _tolist(tensor: PretendedTensor) -> Any:
    book.wait("reading values")
    return tensor.values.tolist()


def _refuse_numpy(*args: Any, **kwargs: Any) -> Any:
    raise TypeError(
        "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first. "
        f"({place()})"
    )


def _refuse_pinning(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError(f"cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned ({place()})")


def _one_hot(tensor: PretendedTensor, num_classes: int = -1) -> Tensor:
    """C++ reads the largest label of a tensor of the CPU, and of one on a GPU only if it must count the classes."""
    if num_classes < 0:
        book.wait("counting classes")
    book.start("zeros")
    book.start("scatter_")
    return PretendedTensor(torch.nn.functional.one_hot(tensor.values, num_classes))


def _backward(tensor: Tensor, gradient: Tensor | None = None, **options: Any) -> None:
    """As a function of torch it would run in C++ alone, where backward passes in Python saw tensors of the CPU."""
    with book.at_work():
        torch.autograd.backward(tensor, gradient, **options)


def making(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``torch.tensor`` and its like, which send what they made to the device out of the sight of dispatch."""

    def made(data: Any, *args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        if device is None or torch.device(device).type == "cpu":
            return make(data, *args, **kwargs) if device is None else make(data, *args, device=device, **kwargs)
        return make(data, *args, **kwargs).to(device)

    return made


def _new_tensor(tensor: PretendedTensor, data: Any, **kwargs: Any) -> Tensor:
    return making(torch.tensor)(data, **{"dtype": tensor.dtype, "device": DEVICE, **kwargs})


_T: Any = torch.Tensor
_ANSWERS: dict[Any, Callable[..., Any]] = {
    _T.device.__get__: lambda tensor, *_: DEVICE,
    _T.is_cuda.__get__: lambda tensor, *_: True,
    _T.is_cpu.__get__: lambda tensor, *_: False,
    _T.get_device: lambda tensor: DEVICE.index,
    _T.cpu: _to_host,
    _T.cuda: lambda tensor, *_, **__: tensor,
    _T.to: _to,
    _T.tolist: _tolist,
    _T.numpy: _refuse_numpy,
    _T.__array__: _refuse_numpy,
    _T.pin_memory: _refuse_pinning,
    _T.is_pinned: lambda tensor, *_: False,
    _T.backward: _backward,
    _T.new_tensor: _new_tensor,
    torch.nn.functional.one_hot: _one_hot,
    torch.empty_like: _empty_like,
}


# -- what operations do ----------------------------------------------------------------------------------


def execute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Do an operation of ATen: on the CPU, if nothing of it is on the device."""
    leaves = [*_leaves(args), *_leaves(kwargs.values())]
    here = [leaf for leaf in leaves if isinstance(leaf, PretendedTensor)]
    elsewhere = [leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, PretendedTensor)]
    name = func.overloadpacket.__name__
    if not here:
        if name == "is_pinned":
            return False
        if name == "_pin_memory":
            return args[0].clone()
        if kwargs.get("pin_memory"):
            return func(*args, **{**kwargs, "pin_memory": False})
        asked = kwargs.get("device")
        made_by_torch = (
            not elsewhere and book.depth > 0 and any(a.name == "device" for a in func._schema.arguments)
        )
        if not made_by_torch and (asked is None or torch.device(asked).type == "cpu"):
            return func(*args, **kwargs)
    if name == "copy_":
        return _copy(*args, **kwargs)
    _refuse_mixing(func, name, here, elsewhere, leaves)
    if elsewhere and not here:  # only ``_to_copy`` does that
        _tell_transfer(kwargs.get("non_blocking", False))
    elif _waits(name, args, kwargs, elsewhere):
        book.wait(name)
    if not func.is_view and name not in _FREE:
        book.start(name)
    return _compute(func, args, kwargs, here)


def _refuse_mixing(func: Any, name: str, here: list[Any], elsewhere: list[Tensor], leaves: list[Any]) -> None:
    takes_scalars = torch.Tag.pointwise in func.tags or name in _TAKE_SCALARS or name.startswith("_foreach")
    for tensor in elsewhere if here else ():
        if name in _INDEXING or (takes_scalars and tensor.dim() == 0):
            continue
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! "
            f"({name} at {place()})"
        )
    for generator in leaves:
        if isinstance(generator, torch.Generator) and generator.device.type != DEVICE.type:
            raise RuntimeError(
                f"Expected a 'cuda' device type for generator but found 'cpu' ({name} at {place()})"
            )


def _waits(name: str, args: Any, kwargs: dict[str, Any], elsewhere: list[Tensor]) -> bool:
    if name in _INDEXING:
        indices = [index for index in args[1] if index is not None]
        return any(i.dtype in (torch.bool, torch.uint8) or not isinstance(i, PretendedTensor) for i in indices)
    if name == "repeat_interleave":
        return kwargs.get("output_size") is None
    return name in _WAIT


def _tell_transfer(non_blocking: bool) -> None:
    if not non_blocking:
        book.wait("a copy to the device")


def _copy(target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    there, here = isinstance(source, PretendedTensor), isinstance(target, PretendedTensor)
    if there and not here:
        if not (non_blocking and getattr(target, "is_pretended_pinned", False)):
            book.wait("a copy to the CPU")
    elif here and not there:
        _tell_transfer(non_blocking)
    book.start("copy_")
    (target.values if isinstance(target, PretendedTensor) else target).copy_(
        source.values if isinstance(source, PretendedTensor) else source
    )
    return target


def _compute(func: Any, args: Any, kwargs: dict[str, Any], here: list[PretendedTensor]) -> Any:
    known = {id(tensor.values): tensor for tensor in here}
    args = _mapped(PretendedTensor, lambda tensor: tensor.values, args)
    kwargs = {
        key: _mapped(PretendedTensor, lambda tensor: tensor.values, value)
        for key, value in kwargs.items() if key not in ("non_blocking", "pin_memory")
    }  # fmt: skip
    if kwargs.get("device") is not None:
        kwargs["device"] = HOST
    if torch.Tag.nondeterministic_seeded not in func.tags:
        made = func(*args, **kwargs)
    else:
        of_host = torch.get_rng_state()
        torch.set_rng_state(book.random_state)
        try:
            made = func(*args, **kwargs)
        finally:
            book.random_state = torch.get_rng_state()
            torch.set_rng_state(of_host)
    # A view of a tensor that autograd follows is followed, too, even in inference mode.
    followed = func.is_view and here and not here[0].is_inference()

    def wrapped(tensor: Tensor) -> Tensor:
        if followed and torch.is_inference_mode_enabled():
            with torch.inference_mode(False):
                return PretendedTensor(tensor)
        return known[id(tensor)] if id(tensor) in known else PretendedTensor(tensor)

    return _mapped(Tensor, wrapped, made)


def _leaves(values: Iterable[Any]) -> Iterator[Any]:
    """What arguments of an operation of ATen hold: they are nested in lists and tuples alone, so that this takes
    a fraction of the time of ``torch.utils._pytree``."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value


def _mapped(kind: type[Tensor], function: Callable[[Any], Any], value: Any) -> Any:
    """The same with ``function`` applied to each tensor of a kind."""
    if isinstance(value, kind):
        return function(value)
    if isinstance(value, list | tuple):
        return type(value)([_mapped(kind, function, part) for part in value])
    return value
