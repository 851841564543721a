import { describe, expect, it } from "vitest";
import { textTable } from "../src/text-table.js";

describe("textTable", () => {
  it("aligns columns, numbers to the right", () => {
    expect(
      textTable(
        ["name", "n"],
        [
          ["a", "1"],
          ["long name", "1,000"],
        ],
        ["left", "right"],
      ),
    ).toBe(
      ["| name      |     n |", "| --------- | ----: |", "| a         |     1 |", "| long name | 1,000 |"].join("\n"),
    );
  });

  it("escapes bars, line breaks and control characters, fills missing cells, counts wide characters as two", () => {
    const lines = textTable(["a", "b"], [["x|y\n\u001b"], ["中文", "e\u0301"]]).split("\n");
    expect(lines[2]).toBe("| x\\|y\\u000a\\u001b |     |");
    expect(lines[3]).toBe(`| 中文${" ".repeat(12)} | e\u0301   |`);
  });
});
