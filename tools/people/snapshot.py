"""The state of a training in little space: weights and averages in fp16, moments of the optimiser in bfloat16.

A folder has one file for each finished stage (what it hands on, NAME.pt) and two for the stage in progress
(NAME.COUNT.weights.pt, NAME.COUNT.moments.pt). The pair of a count is written before the earlier pair goes, and files
are renamed when complete: an interruption at any moment leaves a whole snapshot.
"""
import os
import shutil

import torch


def narrow(value, kind):
    if isinstance(value, dict):
        return {k: narrow(v, kind) for k, v in value.items()}
    return value.to(kind) if torch.is_tensor(value) and value.dtype == torch.float32 else value


def widen(value):
    """fp32 again"""
    if isinstance(value, dict):
        return {k: widen(v) for k, v in value.items()}
    return value.float() if torch.is_tensor(value) and value.is_floating_point() else value


def write(path, state):
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


class Snapshot:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def finished(self):
        return [n[:-3] for n in os.listdir(self.folder) if n.endswith(".pt") and n.count(".") == 1]

    def load_finished(self, name):
        """module name -> state in fp32"""
        return widen(torch.load(os.path.join(self.folder, f"{name}.pt"), "cpu"))

    def counts(self, name):
        """Counts of whole pairs, ascending"""
        have = set(os.listdir(self.folder))
        parts = [n.split(".") for n in have if n.startswith(name + ".") and n.endswith(".moments.pt")]
        return sorted(int(p[1]) for p in parts if f"{name}.{p[1]}.weights.pt" in have)

    def newest(self, name):
        """State of a stage's modules in fp32 and its count (-1 for a finished one); None where it has not begun"""
        if name in self.finished():
            return self.load_finished(name), -1
        counts = self.counts(name)
        if not counts:
            return None, 0
        path = os.path.join(self.folder, f"{name}.{counts[-1]}.weights.pt")
        return widen(torch.load(path, "cpu")), counts[-1]

    def restore(self, stage):
        """Loads the newest pair into a stage; returns its count, 0 where there is none."""
        counts = self.counts(stage.NAME)
        if not counts:
            return 0
        path = os.path.join(self.folder, f"{stage.NAME}.{counts[-1]}.")
        weights, moments = torch.load(path + "weights.pt", "cpu"), torch.load(path + "moments.pt", "cpu")
        for name, module in stage.modules.items():
            module.load_state_dict(weights[name])
        for name, optimizer in stage.optimizers.items():
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": widen(moments[name]), "param_groups": groups})
        return counts[-1]

    def save(self, stage, count):
        old, path = self.counts(stage.NAME), os.path.join(self.folder, f"{stage.NAME}.{count}.")
        write(path + "weights.pt", {n: narrow(m.state_dict(), torch.float16) for n, m in stage.modules.items()})
        moments = {n: o.state_dict()["state"] for n, o in stage.optimizers.items()}
        write(path + "moments.pt", narrow(moments, torch.bfloat16))
        for number in old:
            if number != count:
                self.remove(stage.NAME, number)

    def finish(self, stage, count):
        write(os.path.join(self.folder, f"{stage.NAME}.pt"),
              {n: narrow(stage.modules[n].state_dict(), torch.float16) for n in stage.RESULT})
        for number in self.counts(stage.NAME):
            self.remove(stage.NAME, number)

    def remove(self, name, count):
        for part in ("moments", "weights"):
            os.remove(os.path.join(self.folder, f"{name}.{count}.{part}.pt"))

    def copy_to(self, folder):
        """The finished stages and the newest pair of the one in progress; what was in the folder goes."""
        part = folder + ".part"
        shutil.rmtree(part, ignore_errors=True)
        os.makedirs(part)
        names = sorted({n.split(".")[0] for n in os.listdir(self.folder)})
        for name in names:
            if name in self.finished():
                shutil.copy(os.path.join(self.folder, f"{name}.pt"), part)
            elif counts := self.counts(name):
                for half in ("weights", "moments"):
                    shutil.copy(os.path.join(self.folder, f"{name}.{counts[-1]}.{half}.pt"), part)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(part, folder)
