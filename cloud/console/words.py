"""The words of the pages, in English and Spanish. The English text is the key."""

from collections.abc import Callable, Mapping

LANGUAGES: Mapping[str, str] = {"en": "English", "es": "Español"}
Translate = Callable[[str], str]

_SPANISH = {
    "Jobs": "Trabajos",
    "Models": "Modelos",
    "Storage": "Almacenamiento",
    "Job": "Trabajo",
    "Type": "Tipo",
    "State": "Estado",
    "Created": "Creado",
    "Started": "Iniciado",
    "Ended": "Terminado",
    "Elapsed": "Duración",
    "Region": "Región",
    "Number": "Número",
    "Access control": "Control de acceso",
    "Training": "Entrenamiento",
    "Hyperparameter tuning": "Ajuste de hiperparámetros",
    "Batch prediction": "Predicción por lotes",
    "Log": "Registro",
    "Whole log as text": "Registro completo como texto",
    "Cancel the job": "Cancelar el trabajo",
    "Really cancel this job?": "¿De verdad quieres cancelar este trabajo?",
    "No jobs yet.": "Todavía no hay trabajos.",
    "No models yet.": "Todavía no hay modelos.",
    "No buckets yet.": "Todavía no hay depósitos.",
    "Newest": "Los más recientes",
    "Older": "Más antiguos",
    "Trials": "Pruebas",
    "Trial": "Prueba",
    "Module": "Módulo",
    "Arguments": "Argumentos",
    "Packages": "Paquetes",
    "Scale tier": "Nivel de escala",
    "Runtime": "Entorno de ejecución",
    "Job folder": "Carpeta del trabajo",
    "Predictions": "Predicciones",
    "failed": "fallidas",
    "Model": "Modelo",
    "Version": "Versión",
    "Versions": "Versiones",
    "Default": "Predeterminada",
    "Deployed from": "Implementada desde",
    "Try it": "Pruébalo",
    "Instances, as a JSON list": "Instancias, como lista JSON",
    "Predict": "Predecir",
    "As a command": "Como comando",
    "Bucket": "Depósito",
    "Buckets": "Depósitos",
    "Location": "Ubicación",
    "Name": "Nombre",
    "Size": "Tamaño",
    "Changed": "Modificado",
    "Folder": "Carpeta",
    "Make a bucket": "Crear un depósito",
    "Upload a file": "Subir un archivo",
    "File": "Archivo",
    "Latest jobs": "Últimos trabajos",
    "Service account": "Cuenta de servicio",
    "Who may what": "Quién puede qué",
    "Delete the folder": "Borrar la carpeta",
    "Delete the bucket": "Borrar el depósito",
    "Delete the object": "Borrar el objeto",
    "Really delete this folder with all that is in it?": (
        "¿De verdad quieres borrar esta carpeta con todo lo que contiene?"
    ),
    "Really delete this bucket?": "¿De verdad quieres borrar este depósito?",
    "Really delete this object?": "¿De verdad quieres borrar este objeto?",
    "Upload": "Subir",
    "Download": "Descargar",
    "The first %d bytes": "Los primeros %d bytes",
    "Not text: it is not shown here.": "No es texto: no se muestra aquí.",
    "This folder is empty.": "Esta carpeta está vacía.",
    "More": "Más",
    "Requests": "Solicitudes",
    "Request": "Solicitud",
    "What programs asked of Google's APIs here, grouped by command.": (
        "Lo que los programas pidieron aquí a las API de Google, agrupado por comando."
    ),
    "No requests yet. Run a command in this cloud: its requests appear here.": (
        "Todavía no hay solicitudes. Ejecuta un comando en esta nube y aparecerán aquí."
    ),
    "%d older ones are not kept any more.": "Ya no se conservan %d anteriores.",
    "Show": "Mostrar",
    "All but tokens and metadata": "Todas menos tokens y metadatos",
    "All": "Todas",
    "Only refused": "Solo las rechazadas",
    "Method or path contains": "El método o la ruta contiene",
    "Client": "Cliente",
    "Method": "Método",
    "Status": "Código",
    "Time": "Hora",
    "Duration": "Duración",
    "Caller": "Autor",
    "anonymous": "anónimo",
    "Address": "Dirección",
    "Sent": "Enviado",
    "Answered": "Respondido",
    "Nothing is kept of objects and of credentials.": "De los objetos y de las credenciales no se conserva nada.",
    "cut after %d bytes": "cortado tras %d bytes",
    "Why it was refused": "Por qué se rechazó",
    "Missing permission": "Permiso que falta",
    "Roles that have it": "Roles que lo tienen",
    "This command grants it": "Este comando lo concede",
    "Copy": "Copiar",
    "the connection was cut": "la conexión se cortó",
    "Not found": "No encontrado",
    "Refused": "Rechazado",
    "Skip to content": "Ir al contenido",
    "Use this cloud in a terminal": "Usa esta nube en una terminal",
    "position %d in the queue": "posición %d en la cola",
    "Only the last %d lines are shown.": "Solo se muestran las últimas %d líneas.",
    "Open in TensorBoard": "Abrir en TensorBoard",
    "Open TensorBoard": "Abrir TensorBoard",
    "TensorBoard is starting: this takes a few seconds the first time.": (
        "TensorBoard se está iniciando: la primera vez tarda unos segundos."
    ),
    "No job has a folder in Cloud Storage yet, which TensorBoard could show.": (
        "Todavía no hay ningún trabajo con carpeta en Cloud Storage que TensorBoard pueda mostrar."
    ),
    "Description": "Descripción",
    "Models of Vertex AI": "Modelos de Vertex AI",
    "Endpoints of Vertex AI": "Extremos de Vertex AI",
    "Endpoint": "Extremo",
    "Endpoints": "Extremos",
    "Deployed models": "Modelos implementados",
    "Traffic": "Tráfico",
    "Container": "Contenedor",
    "No endpoints yet.": "Todavía no hay extremos.",
    "No versions yet.": "Todavía no hay versiones.",
    "No model is deployed here yet.": "Todavía no hay ningún modelo implementado aquí.",
    "Access": "Acceso",
    "Chapters": "Capítulos",
    "%d of %d steps are done.": "Hay %d de %d pasos hechos.",
    "Step": "Paso",
    "What was found": "Lo que se ha encontrado",
    "done": "hecho",
    "not yet": "todavía no",
    "Who": "Quién",
    "Role": "Rol",
    "Remove": "Quitar",
    "Grant": "Otorgar",
    "Nobody.": "Nadie.",
    "yes": "sí",
    "no": "no",
    "lists": "enumera",
    "reads what is there": "lee lo que ya está",
    "reads what is new": "lee lo nuevo",
    "writes": "escribe",
    "you, the owner": "tú, propietario del proyecto",
    "ML Engine's service account": "cuenta de servicio de ML Engine",
    "Vertex AI's service agent": "agente de servicio de Vertex AI",
    "Vertex AI's agent for custom code": "agente de Vertex AI para código propio",
    "the default service account": "la cuenta de servicio predeterminada",
    "What jobs may do with the buckets": "Qué pueden hacer los trabajos con los depósitos",
    "What jobs may do with this bucket": "Qué pueden hacer los trabajos con este depósito",
    "Jobs and model versions run as ML Engine's service account:": (
        "Los trabajos y las versiones de modelos se ejecutan con la cuenta de servicio de ML Engine:"
    ),
    "The commands that grant it": "Los comandos que lo otorgan",
    "The project's policy": "La política del proyecto",
    "These roles count for everything in the project.": "Estos roles valen para todo lo que hay en el proyecto.",
    "The bucket's policy": "La política del depósito",
    "These roles count for the bucket and every object in it.": (
        "Estos roles valen para el depósito y para todos sus objetos."
    ),
    "The bucket's access control list": "La lista de control de acceso del depósito",
    "READER lists the objects, WRITER also creates and deletes them. Reading an object needs a grant on the object.": (
        "READER enumera los objetos; WRITER, además, los crea y los borra. Para leer un objeto hace falta un permiso "
        "sobre el objeto."
    ),
    "The list that new objects get": "La lista que reciben los objetos nuevos",
    "It changes nothing for objects that are there already.": "No cambia nada en los objetos que ya existen.",
    "The object's access control list": "La lista de control de acceso del objeto",
    "The policies of the bucket and the project count, too.": (
        "También valen las políticas del depósito y del proyecto."
    ),
    "Uniform bucket-level access: only policies count, lists of access control have no effect.": (
        "Acceso uniforme a nivel de depósito: solo valen las políticas; las listas de control de acceso no tienen "
        "efecto."
    ),
    "Details": "Detalles",
    "Metrics": "Métricas",
    "step": "paso",
    "best first": "de mejor a peor",
    "stopped early": "detenida antes de tiempo",
    "the installed one": "el instalado",
    "Replica": "Réplica",
    "Replicas": "Réplicas",
    "all": "todas",
    "Results": "Resultados",
    "harmless messages of TensorFlow": "mensajes inofensivos de TensorFlow",
    "No metrics yet: they appear once the trainer writes summaries for TensorBoard below the job's folder.": (
        "Todavía no hay métricas: aparecerán cuando el programa escriba resúmenes para TensorBoard en la carpeta del "
        "trabajo."
    ),
    "This job wrote no summaries for TensorBoard.": "Este trabajo no escribió resúmenes para TensorBoard.",
    "The console does not answer: this page may be out of date. It goes on by itself once the cloud answers again.": (
        "La consola no responde: es posible que esta página no esté al día. Se actualizará sola cuando la nube vuelva "
        "a responder."
    ),
    "Another cloud has this address now. Get a new address:": "Ahora esta dirección es de otra nube. Pide una nueva:",
}


def translator(language: str) -> Translate:
    """Gives the text in ``language``; what has no translation stays as it is."""
    words = _SPANISH if language == "es" else {}
    return lambda text: words.get(text, text)


def preferred(accept: str) -> str:
    """The language of an ``Accept-Language`` header that the pages have; English if there is none.

    RFC 9110 §12.5.4.
    """
    wanted: list[tuple[float, str]] = []
    for part in accept.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        wanted.append((-weight, tag.partition("-")[0].lower()))
    return next((tag for weight, tag in sorted(wanted, key=lambda pair: pair[0]) if weight and tag in LANGUAGES), "en")
