// SPDX-License-Identifier: MIT
// Whether the chosen model fits a board, once the board is known.
import { get } from "./api.js";
import { Part } from "./dom.js";
import { fitVerdict } from "./fit_figures.js";

class BoardFit extends Part {
  async show() {
    const { model, board, name } = this.dataset;
    const fit = await get(`/api/models/${model}/fit?board=${encodeURIComponent(board)}`).catch(() => null);
    if (fit && this.isConnected) this.replaceChildren(fitVerdict(fit, name));
  }
}

customElements.define("board-fit", BoardFit);
