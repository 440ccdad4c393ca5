#!/usr/bin/env python3
"""The static checks find what they are for. No nvcc is needed."""
import unittest

import cubins
import resources
import sass


def instructions(*texts):
    return [sass.Instruction(16 * i, text, 2) for i, text in enumerate(texts)]


class Checks(unittest.TestCase):
    def test_table(self):
        table = {"K": {"threads": 128, "sm_80 registers": 40, "sm_80 blocks": 8}, "Gone": {}}
        worse, better = resources.compare({"K": {"threads": 128, "sm_80 registers": 41, "sm_80 blocks": 7}}, table)
        self.assertEqual(len(worse), 2)
        worse, better = resources.compare({"K": {"sm_80 registers": 39, "sm_80 blocks": 9}}, table)
        self.assertEqual((len(worse), len(better)), (0, 3))
        self.assertEqual(len(resources.compare({"New": {}}, table)[0]), 1)

    def test_names(self):
        space = "mien::cuda::(anonymous namespace)::"
        self.assertEqual(cubins.kernel_name(f"void {space}K<__half, mien::Tile{{3, 0, false}}>({space}Params)"),
                         "K<__half, Tile{3}>")
        self.assertEqual(cubins.kernel_name("mien::cuda::(anonymous namespace)::K(mien::cuda::Params)"), "K")

    def test_main_loop(self):
        code = instructions("HMMA.1688 R0", "HMMA.1688 R0", "@P0 BRA `(.L_x_0)", "IADD3 R1", "@!P1 BRA `(.L_x_1)")
        self.assertEqual(sass.main_loop(code, {".L_x_0": 1, ".L_x_1": 0}), (1, 3))
        self.assertIsNone(sass.main_loop(code, {".L_x_0": 3, ".L_x_1": 3}))

    def test_stale_report(self):
        report = ["K<1>, sm_80, gated: 20 instructions; global accesses none", "  main loop: 9", "  5 HMMA",
                  "K<1>, sm_90: 21 instructions; global accesses none", "  main loop: 8", "exempt: K: why"]
        self.assertEqual(sass.stale(report, report, {80, 90}), [])
        for line in range(len(report)):
            changed = report[:line] + [report[line].replace("9", "7").replace("HMMA", "IADD").replace("8", "6")
                                       .replace("21", "22").replace("why", "so")] + report[line + 1:]
            self.assertNotEqual(changed, report)
            self.assertTrue(sass.stale(report, changed, {80, 90}), report[line])
        self.assertEqual(len(sass.stale(report, report[:3] + report[5:], {80, 90})), 1)
        self.assertEqual(len(sass.stale(report[3:], report, {80, 90})), 1)
        self.assertEqual(sass.stale(report[3:], report, {90}), [])  # sm_80 has not been compiled

    def test_complaints(self):
        good = instructions("HMMA.16816.F32 R0", "HMMA.16816.F32 R0", "LDGSTS.E.BYPASS.128 [R0]", "BRA `(.L_x_0)")
        self.assertEqual(sass.Loop(good).complaints(), [])
        for bad in ("@P0 LDG.E R0", "LDGSTS.E.64 [R0]", "STG.E.U16 [R0]", "I2F.RP R0", "MUFU.RCP R0"):
            self.assertEqual(len(sass.Loop(good + instructions("HMMA.16816.F32 R0", bad)).complaints()), 1, bad)
        self.assertEqual(len(sass.Loop(good + instructions("IADD3 R0")).complaints()), 1)


if __name__ == "__main__":
    unittest.main()
