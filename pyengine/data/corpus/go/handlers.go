package notes

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

type Server struct {
	Store  Store
	Log    *slog.Logger
	MaxLen int64
}

func (s *Server) Routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes", s.list)
	mux.HandleFunc("POST /notes", s.create)
	mux.HandleFunc("GET /notes/{id}", s.show)
	mux.HandleFunc("DELETE /notes/{id}", s.remove)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	return s.recovered(s.logged(mux))
}

// statusWriter remembers what was sent, for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
	size   int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.size += n
	return n, err
}

func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		start := time.Now()
		next.ServeHTTP(sw, r)
		s.Log.Info("request", "method", r.Method, "path", r.URL.Path,
			"status", sw.status, "bytes", sw.size, "took", time.Since(start))
	})
}

func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				s.Log.Error("panic", "value", v, "stack", string(debug.Stack()))
				http.Error(w, "internal error", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	var note Note
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, s.MaxLen))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&note); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			reply(w, http.StatusRequestEntityTooLarge, problem{"note is too long"})
			return
		}
		reply(w, http.StatusBadRequest, problem{err.Error()})
		return
	}
	id, err := s.Store.Add(r.Context(), note)
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Location", "/notes/"+strconv.FormatInt(id, 10))
	reply(w, http.StatusCreated, map[string]int64{"id": id})
}

type problem struct {
	Error string `json:"error"`
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrNotFound) {
		reply(w, http.StatusNotFound, problem{"no such note"})
		return
	}
	s.Log.Error("store", "err", err)
	reply(w, http.StatusInternalServerError, problem{"try again later"})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
