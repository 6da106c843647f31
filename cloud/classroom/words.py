"""The words of a class's pages, in English and Spanish. The English text is the key."""

from cloud.console.words import Translate
from cloud.console.words import translator as console_translator

_SPANISH = {
    "Class": "Clase",
    "Student": "Alumno",
    "Students": "Alumnos",
    "Addresses": "Direcciones",
    "Address": "Dirección",
    "Cloud": "Nube",
    "Next": "Siguiente",
    "All done": "Todo hecho",
    "Jobs": "Trabajos",
    "Last error": "Último error",
    "Reset": "Reiniciar",
    "Notebooks": "Cuadernos",
    "Console": "Consola",
    "Open the notebooks": "Abrir los cuadernos",
    "Open the console": "Abrir la consola",
    "The first time this takes some seconds.": "La primera vez tarda unos segundos.",
    "Keep the address of this page: it is yours alone.": "Guarda la dirección de esta página: es solo tuya.",
    "The notebooks cannot be opened": "No se pueden abrir los cuadernos",
    "%d of %d jobs are running, %d wait.": "%d de %d trabajos están en marcha, %d esperan.",
    "%d running": "%d en marcha",
    "place %s": "puesto %s",
    "done": "hecho",
    "not yet": "todavía no",
    "started again %d times": "reiniciada %d veces",
    "started again once": "reiniciada una vez",
    "waiting": "en espera",
    "starting": "iniciándose",
    "running": "en marcha",
    "resetting": "reiniciándose",
    "died": "caída",
    "ended": "terminada",
    "Remove all the work of %s and begin anew?": "¿Eliminar todo el trabajo de %s y empezar de nuevo?",
    "Yes, remove it": "Sí, eliminarlo",
    "The checks take too long: this is how it was before.": "Las comprobaciones tardan demasiado: así estaba antes.",
    "Give each student his address. It is a secret: who has it works as him.": (
        "Entrega a cada alumno su dirección. Es un secreto: quien la tiene trabaja como él."
    ),
    "The students share one user of this machine, and could reach each other's clouds: for a trusted class only.": (
        "Los alumnos comparten un usuario de esta máquina: pueden acceder a las nubes de los demás. "
        "Solo para una clase de confianza."
    ),
    "Each student is a user of this machine, and reaches his own cloud only.": (
        "Cada alumno es un usuario de esta máquina y solo puede acceder a su propia nube."
    ),
    "This page does not answer any more: the class may have ended.": (
        "Esta página ya no responde: puede que la clase haya terminado."
    ),
}


def translator(language: str) -> Translate:
    """Gives the text in ``language``; what has no translation stays as it is."""
    if language != "es":
        return lambda text: text
    console = console_translator(language)
    return lambda text: _SPANISH.get(text) or console(text)
