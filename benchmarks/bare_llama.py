"""The decodes of cold_start.py through llama.cpp's C API alone: what no layer above can beat."""

import time

import llama_cpp


class BareContext:
    """A context for one-token sequences, with the options of our sessions."""

    def __init__(self, path: str, sequences: int, threads: int) -> None:
        """Open the model, as pyengine does without weight repacking, and a context."""
        options = llama_cpp.llama_model_default_params()
        options.n_gpu_layers = 0
        options.use_extra_bufts = False
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), options)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = params.n_seq_max = sequences
        params.n_outputs_max = sequences
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.batch = llama_cpp.llama_batch_init(sequences, 0, 1)

    def decode(self, tokens: list[int]) -> float:
        """Decode each token as a sequence of its own, logits wanted; return the seconds."""
        self.batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            self.batch.token[i] = token
            self.batch.pos[i] = 0
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = i
            self.batch.logits[i] = 1
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), False)
        started = time.perf_counter()
        status = llama_cpp.llama_decode(self.context, self.batch)
        llama_cpp.llama_synchronize(self.context)
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status}")
        return time.perf_counter() - started
