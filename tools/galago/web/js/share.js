// SPDX-License-Identifier: MIT
// Draws pictures as the network takes them, and a result as a picture to share.

export const percent = ({ confidence }) => `${(100 * confidence).toFixed(1)} %`;

/** Draws the part of a picture that the network gets: its middle, or all of it. */
export function crop(canvas, source, how) {
  const context = canvas.getContext("2d");
  const width = source.videoWidth || source.width;
  const height = source.videoHeight || source.height;
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const scales = [canvas.width / width, canvas.height / height];
  const scale = how === "crop" ? Math.max(...scales) : Math.min(...scales);
  const [wide, high] = how === "stretch" ? [canvas.width, canvas.height] : [width * scale, height * scale];
  context.drawImage(source, (canvas.width - wide) / 2, (canvas.height - high) / 2, wide, high);
}

/** Shares the picture with its answer, or saves it where the browser cannot share files. */
export async function saveResult(view, result, name) {
  const line = 44;
  const canvas = Object.assign(document.createElement("canvas"), { width: view.width });
  canvas.height = view.height + line * (result.top.length + 1);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(view, 0, 0);
  context.font = "22px system-ui, sans-serif";
  result.top.forEach((each, row) => {
    const y = view.height + line * row;
    context.fillStyle = "#99d5cc";
    context.fillRect(0, y + 4, canvas.width * each.confidence, line - 8);
    context.fillStyle = "#12201e";
    context.fillText(each.label, 12, y + 30, canvas.width - 110);
    context.fillText(percent(each), canvas.width - 84, y + 30);
  });
  context.font = "16px system-ui, sans-serif";
  context.fillText(`${name}${result.unknown ? " · unknown" : ""} · Galago`, 12, canvas.height - 16);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const file = new File([blob], `${name}.png`, { type: "image/png" });
  if (navigator.canShare?.({ files: [file] })) {
    await navigator.share({ files: [file] }).catch(() => {});
    return;
  }
  const link = Object.assign(document.createElement("a"), { download: file.name, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
