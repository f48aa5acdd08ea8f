package shop

var spanish = words{
	titles: [3][]string{
		{"Decepcionado", "Nunca más", "No lo recomiendo", "Muy mal", "Una pena"},
		{"Bien, pero", "Regular", "Podría mejorar", "Está bien sin más"},
		{"Muy contenta", "Perfecto", "Repetiré", "Genial", "Totalmente recomendable"},
	},
	good: [aspectCount][]string{
		{"La calidad es excelente.", "Funciona de maravilla y es muy sólido.", "Es aún más bonito que en las fotos.", "Lo uso todos los días y me encanta."},
		{"Muy buena relación calidad-precio.", "Más barato que en cualquier otro sitio."},
		{"Llegó un día antes.", "El envío fue rápido y puntual.", "El repartidor muy amable y a su hora."},
		{"Muy bien embalado y sin plástico.", "El paquete llegó impecable."},
		{"Atención al cliente contestó en una hora.", "Me ayudaron rápido y con mucha amabilidad."},
		{"La devolución fue muy fácil y me devolvieron el dinero en dos días.", "Cambiar la talla no fue ningún problema."},
		{"Hice el pedido en dos minutos.", "La web es clara y rápida."},
	},
	bad: [aspectCount][]string{
		{"Dejó de funcionar a los dos días.", "Mala calidad, se rompió al primer uso.", "No se parece en nada a las fotos.", "Llegó defectuoso."},
		{"Demasiado caro para lo que es.", "Al día siguiente lo vi a mitad de precio."},
		{"Llegó con más de una semana de retraso.", "El paquete llegó tarde y nadie avisó.", "El seguimiento decía \"entregado\" y no había nada.", "El repartidor ni siquiera llamó al timbre."},
		{"La caja llegó aplastada y el contenido dañado.", "Muy mal embalado, claro que venía rayado."},
		{"Nadie contesta a mis correos.", "He llamado tres veces y nadie me ayuda.", "La atención al cliente fue muy maleducada."},
		{"Sigo esperando el reembolso.", "Devolverlo cuesta más de lo que vale."},
		{"El pago daba error una y otra vez.", "La web perdió mi carrito dos veces."},
	},
	before: []string{"Todavía no ha llegado, ¿dónde está mi pedido?", "Sigo esperando el paquete.", "Lo prometieron para la semana pasada y nada."},
	edit:   []string{"Actualización:", "Edito unos días después:", "Actualizo porque me han contactado:"},
	replies: [3][]string{
		{"Gracias por contárnoslo. Sentimos que no haya salido como debía.", "Gracias por tu opinión, la hemos trasladado al equipo."},
		{"Lo sentimos mucho. Te contactaremos en un plazo de dos días.", "Esto no debería haber pasado. Te llamaremos."},
		{"Según lo acordado contigo, queda resuelto. Gracias por tu paciencia.", "Hemos encontrado una solución juntos. Gracias."},
	},
	names: []string{"Lucía", "Hugo", "Martina", "Mateo", "Carmen", "Íñigo", "Paula", "Álvaro", "Begoña", "Sergio", "Núria", "Xoán"},
}
