#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What people would otherwise write: takes events over PULL and scores each with an LSTM, one at a time.

    tests/campaigns/python_scorer.py PORT MODEL EVENTS

Reads the weights of a faultline model file; keeps h, c, mean and spread of each entity. Prints "ready", and when so
many events are scored how long that took. Part of comparison.py.
"""

import json
import math
import struct
import sys
import time

import msgpack
import torch
import zmq

SLOTS, INPUTS, HIDDEN = 8, 20, 32


def read_model(path):
    data = open(path, "rb").read()
    assert data[:8] == b"FLMODEL\n"
    version, kind, metadata, count = struct.unpack_from("<IIII", data, 8)
    at, tensors = 24 + metadata, []
    for _ in range(count):
        at += 1 + data[at]
        shape = struct.unpack_from(f"<{data[at]}I", data, at + 1)
        at += 1 + 4 * len(shape)
        size = math.prod(shape)
        tensors.append(torch.frombuffer(bytearray(data[at:at + 4 * size]), dtype=torch.float32).reshape(shape))
        at += 4 * size
    return tensors


class Scorer:
    def __init__(self, tensors):
        w_input, w_hidden, bias, _, _, self.mu, self.mu_bias, self.scale, self.scale_bias = tensors[:9]
        self.cell = torch.nn.LSTMCell(INPUTS, HIDDEN)
        swap = torch.cat([torch.arange(0, 2 * HIDDEN), torch.arange(3 * HIDDEN, 4 * HIDDEN),
                          torch.arange(2 * HIDDEN, 3 * HIDDEN)])  # the file has the cell's gate last
        with torch.no_grad():
            self.cell.weight_ih.copy_(w_input[swap])
            self.cell.weight_hh.copy_(w_hidden[swap])
            self.cell.bias_ih.copy_(bias.flatten()[swap])
            self.cell.bias_hh.zero_()
        self.entities = {}

    def score(self, event):
        values = torch.tensor(list(event["values"].values())[:SLOTS])
        known = self.entities.get(event["entity"])
        if known is None:
            known = self.entities[event["entity"]] = [torch.zeros(1, HIDDEN), torch.zeros(1, HIDDEN), values.clone(),
                                                      values.abs() * 0.05 + 1e-9, None]
        h, c, mean, spread, forecast = known
        z = (values - mean) / spread
        worst = 0.0
        if forecast is not None:
            mu, log_b = forecast
            worst = float(((z - mu).abs() * torch.exp(-log_b)).max())
        day = event["ts"] % 86_400_000 / 86_400_000 * 2 * math.pi
        row = torch.cat([z, torch.ones(SLOTS), torch.tensor([math.sin(day), math.cos(day), 0.0, 0.0])]).unsqueeze(0)
        h, c = self.cell(row, (h, c))
        forecast = ((h @ self.mu.T + self.mu_bias)[0, :SLOTS],
                    (h @ self.scale.T + self.scale_bias)[0, :SLOTS].clamp(-4, 4))
        self.entities[event["entity"]] = [h, c, mean + 0.05 * (values - mean),
                                          spread + 0.05 * ((values - mean).abs() - spread), forecast]
        return worst


def main():
    port, model, events = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(1)
    scorer = Scorer(read_model(model))
    socket = zmq.Context.instance().socket(zmq.PULL)
    socket.bind(f"tcp://127.0.0.1:{port}")
    print("ready", flush=True)
    begin = None
    with torch.inference_mode():
        while events > 0:
            batch = msgpack.unpackb(socket.recv())
            begin = begin or (time.monotonic(), time.process_time())
            for event in batch:
                scorer.score(event)
            events -= len(batch)
    print(json.dumps({"seconds": time.monotonic() - begin[0], "cpu_seconds": time.process_time() - begin[1]}))


if __name__ == "__main__":
    main()
