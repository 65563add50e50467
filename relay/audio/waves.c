/* Sums, glides and peaks of 16-bit samples, each in one pass: the module relay.audio.waves, which
   scripts/compile_relay.py compiles.

   numpy takes three to ten calls for the same, and in a frame of 40 ms these take longer than the samples
   (docs/performance.md). pcm.py and edges.py have it in numpy, for where this is not compiled; a test holds that every
   sample is the same. So the order of each operation counts, and no product may be joined with a sum. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>

#pragma GCC optimize("O3", "fp-contract=off") /* several samples at a time */

static const int16_t *samples(PyObject *sound, Py_ssize_t *count) {
    if (!PyBytes_Check(sound)) {
        PyErr_SetString(PyExc_TypeError, "expected bytes");
        return NULL;
    }
    *count = PyBytes_GET_SIZE(sound) / 2;
    return (const int16_t *)PyBytes_AS_STRING(sound);
}

static PyObject *mixed(PyObject *module, PyObject *const *given, Py_ssize_t size) {
    (void)module;
    Py_ssize_t count, others;
    const int16_t *one, *other;
    if (size != 2) return PyErr_Format(PyExc_TypeError, "expected 2 arguments");
    if (!(one = samples(given[0], &count)) || !(other = samples(given[1], &others))) return NULL;
    if (count != others) return PyErr_Format(PyExc_ValueError, "expected two sounds of equal length");
    PyObject *made = PyBytes_FromStringAndSize(NULL, 2 * count);
    if (!made) return NULL;
    int16_t *sums = (int16_t *)PyBytes_AS_STRING(made);
    for (Py_ssize_t at = 0; at < count; at++) {
        int sum = one[at] + other[at];
        sums[at] = (int16_t)(sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum);
    }
    return made;
}

static PyObject *peak(PyObject *module, PyObject *sound) {
    (void)module;
    Py_ssize_t count;
    const int16_t *all = samples(sound, &count);
    if (!all) return NULL;
    int16_t low = 0, high = 0;
    for (Py_ssize_t at = 0; at < count; at++) {
        low = all[at] < low ? all[at] : low;
        high = all[at] > high ? all[at] : high;
    }
    return PyLong_FromLong(-(long)low > high ? -(long)low : high);
}

static PyObject *glided(PyObject *module, PyObject *const *given, Py_ssize_t size) {
    (void)module;
    Py_ssize_t count;
    if (size != 5) return PyErr_Format(PyExc_TypeError, "expected 5 arguments");
    const int16_t *all = samples(given[0], &count);
    if (!all) return NULL;
    double numbers[4];
    for (int number = 0; number < 4; number++) {
        numbers[number] = PyFloat_AsDouble(given[number + 1]);
        if (numbers[number] == -1.0 && PyErr_Occurred()) return NULL;
    }
    const float factor = (float)numbers[0], start = (float)numbers[1], target = (float)numbers[2];
    const float step = (float)numbers[3], left = (float)fabs(numbers[2] - numbers[1]);
    const float sign = numbers[2] > numbers[1] ? 1.0f : -1.0f;
    const int arrives = (float)count * step >= left;
    PyObject *made = PyBytes_FromStringAndSize(NULL, 2 * count);
    if (!made) return NULL;
    int16_t *scaled = (int16_t *)PyBytes_AS_STRING(made);
    float gain = start;
    for (int32_t at = 0; at < count; at++) {
        float way = (float)(at + 1) * step;
        gain = arrives && way >= left ? target : start + sign * way;
        scaled[at] = (int16_t)((float)all[at] * (gain * factor));
    }
    return Py_BuildValue("(Nd)", made, (double)gain);
}

static PyMethodDef methods[] = {
    {"mixed", (PyCFunction)(void (*)(void))mixed, METH_FASTCALL, "See pcm.mixed."},
    {"peak", peak, METH_O, "See pcm.peak."},
    {"glided", (PyCFunction)(void (*)(void))glided, METH_FASTCALL, "See edges.glided."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "waves", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_waves(void) { return PyModule_Create(&definition); }
