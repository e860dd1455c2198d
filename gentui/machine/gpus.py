"""The GPUs of this machine: NVIDIA's read through NVML, AMD's from sysfs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gentui.text.numbers import used_of_total
from gentui.text.sanitize import clean

T = TypeVar("T")
NO_NVML = "No NVIDIA GPU found: the driver's library (NVML) is not installed."
SYSFS = Path("/sys")
_AMD = "0x1002"  # PCI vendor id


@dataclass(frozen=True)
class GpuProcess:
    """A process on a GPU. ``job``: the run or evaluation it belongs to, or "". ``bytes``: its GPU memory."""

    pid: int
    job: str = ""
    bytes: int | None = None


@dataclass(frozen=True)
class Gpu:
    """A GPU; None for what its driver does not report.

    ``utilisation`` is from 0 to 1, ``memory`` (used, total) bytes, ``watts`` the power drawn, ``limit`` its limit.
    """

    number: int
    name: str
    utilisation: float | None = None
    memory: tuple[int, int] | None = None
    celsius: int | None = None
    watts: float | None = None
    limit: float | None = None
    processes: tuple[GpuProcess, ...] = ()


def read_gpus(owner: Callable[[int], str]) -> tuple[tuple[Gpu, ...], str]:
    """Every readable GPU, NVIDIA's first, and a sentence saying why if there is none.

    ``owner(pid)``: the job that a process belongs to.
    """
    nvidia, why = nvidia_gpus(owner)
    found = (*nvidia, *amd_gpus(owner, len(nvidia)))
    return found, "" if found else why


def nvidia_gpus(owner: Callable[[int], str]) -> tuple[tuple[Gpu, ...], str]:
    """The GPUs that NVML lists, and a sentence saying why if there is none."""
    try:
        import pynvml
    except ImportError:
        return (), "NVIDIA GPUs cannot be read: nvidia-ml-py is not installed."
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if (
            type(error).__name__ == "NVMLError_LibraryNotFound"
        ):  # a class made at import, unseen by type checkers
            return (), NO_NVML
        return (), f"NVIDIA GPUs cannot be read: {clean(error, 120)}."
    try:
        found = tuple(_nvidia_gpu(pynvml, number, owner) for number in range(pynvml.nvmlDeviceGetCount()))
        return found, "" if found else "The NVIDIA driver lists no GPU."
    except pynvml.NVMLError as error:
        return (), f"NVIDIA GPUs cannot be read: {clean(error, 120)}."
    finally:
        _query(pynvml, pynvml.nvmlShutdown)


def nvidia_gpu_count() -> int:
    """How many GPUs NVML lists; 0 without NVIDIA's driver."""
    return _of_nvml(lambda nvml: nvml.nvmlDeviceGetCount()) or 0


def nvidia_uuids() -> tuple[str, ...]:
    """The UUID of every GPU that NVML lists, ``GPU-8f3e…``, in its order; empty where it does not tell them all."""

    def ask(nvml: Any) -> tuple[str, ...]:
        handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
        found = [nvml.nvmlDeviceGetUUID(handle) for handle in handles]
        return tuple(uuid.decode() if isinstance(uuid, bytes) else uuid for uuid in found)

    return _of_nvml(ask) or ()


def _of_nvml(ask: Callable[[Any], T]) -> T | None:
    """What NVML answers; None without NVIDIA's driver, or if it does not answer that."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver, or a driver that refuses: no GPU to use
        return None
    try:
        return ask(pynvml)
    except (pynvml.NVMLError, AttributeError, UnicodeDecodeError):
        return None
    finally:
        _query(pynvml, pynvml.nvmlShutdown)


def _query(nvml: Any, ask: Callable[..., T], *arguments: Any) -> T | None:
    """Call an NVML function; None if this GPU or driver does not support it."""
    try:
        return ask(*arguments)
    except nvml.NVMLError:
        return None


def _nvidia_gpu(nvml: Any, number: int, owner: Callable[[int], str]) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    name = _query(nvml, nvml.nvmlDeviceGetName, handle) or "GPU"
    rates = _query(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    memory = _query(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
    milliwatts = _query(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
    limit = _query(nvml, nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    processes = _query(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
    return Gpu(
        number,
        clean(name.decode("utf-8", "replace") if isinstance(name, bytes) else name, 60),
        rates.gpu / 100 if rates is not None else None,
        (int(memory.used), int(memory.total)) if memory is not None else None,
        _query(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        milliwatts / 1000 if milliwatts is not None else None,
        limit / 1000 if limit is not None else None,
        tuple(GpuProcess(process.pid, owner(process.pid), process.usedGpuMemory) for process in processes),
    )


def amd_gpus(owner: Callable[[int], str], first: int = 0) -> tuple[Gpu, ...]:
    """The GPUs of the amdgpu driver, numbered from ``first`` in the order of their cards.

    Source: Documentation/gpu/amdgpu and Documentation/hwmon of the Linux kernel. Memory per process comes from the
    compute driver (class/kfd).
    """
    cards = sorted(
        (SYSFS / "class/drm").glob("card[0-9]*/device"), key=lambda device: _number_in(device.parent.name)
    )
    amds = [device for device in cards if "-" not in device.parent.name and _text(device / "vendor") == _AMD]
    return tuple(_amd_gpu(number, device, owner) for number, device in enumerate(amds, first))


def _amd_gpu(number: int, device: Path, owner: Callable[[int], str]) -> Gpu:
    busy, used, total = (
        _value(device / name) for name in ("gpu_busy_percent", "mem_info_vram_used", "mem_info_vram_total")
    )
    sensors = next(iter(sorted(device.glob("hwmon/hwmon*"))), device / "hwmon")
    temperature, limit = _value(sensors / "temp1_input"), _value(sensors / "power1_cap")
    power = _value(sensors / "power1_average")
    power = _value(sensors / "power1_input") if power is None else power
    return Gpu(
        number,
        clean(_text(device / "product_name") or f"AMD GPU {device.resolve().name}", 60),
        busy / 100 if busy is not None else None,
        (used, total) if used is not None and total else None,
        temperature // 1000 if temperature is not None else None,
        power / 1e6 if power is not None else None,
        limit / 1e6 if limit else None,
        tuple(GpuProcess(pid, owner(pid), memory) for pid, memory in _amd_processes(device)),
    )


def _amd_processes(device: Path) -> Iterator[tuple[int, int]]:
    """(pid, bytes) of each compute process on the GPU. The compute driver (kfd) has its own number for the GPU."""
    kfd = SYSFS / "class/kfd/kfd"
    minors = {_number_in(render.name) for render in device.glob("drm/renderD*")}
    for node in kfd.glob("topology/nodes/*"):
        properties = dict(
            line.split(maxsplit=1) for line in _text(node / "properties").splitlines() if " " in line
        )
        if _number_in(properties.get("drm_render_minor", "0")) not in minors:  # 0 marks a node without a GPU
            continue
        for memory in sorted(kfd.glob(f"proc/[0-9]*/vram_{_text(node / 'gpu_id')}")):
            if value := _value(memory):
                yield _number_in(memory.parent.name), value


def _text(path: Path) -> str:
    """The content of a sysfs file; "" if it cannot be read."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _value(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.lstrip("-").isdecimal() else None


def _number_in(name: str) -> int:
    digits = "".join(filter(str.isdecimal, name))
    return int(digits) if digits else -1


def gpu_summary(gpu: Gpu, busy: bool = True) -> str:
    """``87% busy · 12.3/80.0 GiB · 61 °C · 240/300 W``; ``busy=False`` leaves out the utilisation."""
    parts = [
        f"{gpu.utilisation:.0%} busy" if busy and gpu.utilisation is not None else "",
        used_of_total(gpu.memory) if gpu.memory else "",
        f"{gpu.celsius} °C" if gpu.celsius is not None else "",
        (f"{gpu.watts:.0f}" + (f"/{gpu.limit:.0f}" if gpu.limit else "") + " W")
        if gpu.watts is not None
        else "",
    ]
    return " · ".join(filter(None, parts)) or "no readings"
