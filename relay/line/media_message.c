/* A frame's message to the line, written in one pass: the module relay.line.media_message, which
   scripts/compile_relay.py compiles. exotel.py writes the same bytes where this is not compiled. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char *const before[] = { /* each number, the id and the sound */
    "{\"event\":\"media\",\"sequence_number\":\"", "\",\"stream_sid\":", ",\"media\":{\"chunk\":\"",
    "\",\"timestamp\":\"", "\",\"payload\":\"",
};
static const char *const end = "\"}}";

static char *text(char *to, const char *from, size_t size) {
    memcpy(to, from, size);
    return to + size;
}

static int length(unsigned long long value) {
    int digits = 1;
    while (value /= 10) digits++;
    return digits;
}

static char *number(char *to, unsigned long long value) {
    char *behind = to + length(value), *at = behind;
    do *--at = (char)('0' + value % 10); while (value /= 10);
    return behind;
}

static char *base64(char *to, const unsigned char *sound, Py_ssize_t size) {
    for (; size >= 3; sound += 3, size -= 3, to += 4) {
        unsigned three = (unsigned)sound[0] << 16 | (unsigned)sound[1] << 8 | sound[2];
        to[0] = digits64[three >> 18];
        to[1] = digits64[three >> 12 & 63];
        to[2] = digits64[three >> 6 & 63];
        to[3] = digits64[three & 63];
    }
    if (!size) return to;
    unsigned rest = (unsigned)sound[0] << 16 | (size == 2 ? (unsigned)sound[1] << 8 : 0);
    to[0] = digits64[rest >> 18];
    to[1] = digits64[rest >> 12 & 63];
    to[2] = size == 2 ? digits64[rest >> 6 & 63] : '=';
    to[3] = '=';
    return to + 4;
}

static PyObject *media(PyObject *module, PyObject *const *given, Py_ssize_t count) {
    (void)module;
    if (count != 5 || !PyBytes_Check(given[1]) || !PyBytes_Check(given[4]))
        return PyErr_Format(PyExc_TypeError, "expected a number, bytes, two numbers and bytes");
    unsigned long long numbers[3];
    static const int places[] = {0, 2, 3};
    for (int at = 0; at < 3; at++) {
        numbers[at] = PyLong_AsUnsignedLongLong(given[places[at]]);
        if (numbers[at] == (unsigned long long)-1 && PyErr_Occurred()) return NULL;
    }
    const Py_ssize_t id = PyBytes_GET_SIZE(given[1]), size = PyBytes_GET_SIZE(given[4]);
    size_t whole = (size_t)id + ((size_t)size + 2) / 3 * 4 + strlen(end);
    for (int at = 0; at < 5; at++) whole += strlen(before[at]);
    for (int at = 0; at < 3; at++) whole += (size_t)length(numbers[at]);
    PyObject *message = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)whole);
    if (!message) return NULL;
    char *to = PyBytes_AS_STRING(message);
    to = number(text(to, before[0], strlen(before[0])), numbers[0]);
    to = text(text(to, before[1], strlen(before[1])), PyBytes_AS_STRING(given[1]), (size_t)id);
    to = number(text(to, before[2], strlen(before[2])), numbers[1]);
    to = number(text(to, before[3], strlen(before[3])), numbers[2]);
    to = base64(text(to, before[4], strlen(before[4])), (const unsigned char *)PyBytes_AS_STRING(given[4]), size);
    text(to, end, strlen(end));
    return message;
}

static PyMethodDef methods[] = {
    {"media", (PyCFunction)(void (*)(void))media, METH_FASTCALL, "See exotel.Encoder.media."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "media_message", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_media_message(void) { return PyModule_Create(&definition); }
