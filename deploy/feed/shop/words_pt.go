package shop

var portuguese = words{
	titles: [3][]string{
		{"Desiludido", "Nunca mais", "Não recomendo", "Muito mau", "Que pena"},
		{"Bom, mas", "Mais ou menos", "Podia ser melhor", "Razoável"},
		{"Muito satisfeita", "Perfeito", "Voltarei a comprar", "Excelente", "Recomendo muito"},
	},
	good: [aspectCount][]string{
		{"A qualidade é excelente.", "Funciona na perfeição e é robusto.", "Ainda mais bonito do que nas fotos.", "Uso todos os dias e adoro."},
		{"Ótima relação qualidade-preço.", "Mais barato do que em qualquer outro lado."},
		{"Chegou um dia antes.", "A entrega foi rápida e dentro do prazo.", "O estafeta foi simpático e pontual."},
		{"Muito bem embalado e sem plástico.", "A embalagem vinha impecável."},
		{"O apoio ao cliente respondeu numa hora.", "Ajudaram-me depressa e com simpatia."},
		{"A devolução foi fácil e o reembolso chegou em dois dias.", "Trocar o tamanho não foi problema nenhum."},
		{"Fiz a encomenda em dois minutos.", "O site é claro e rápido."},
	},
	bad: [aspectCount][]string{
		{"Deixou de funcionar ao fim de dois dias.", "Má qualidade, partiu-se na primeira utilização.", "Não tem nada a ver com as fotos.", "Chegou com defeito."},
		{"Caro demais para o que é.", "No dia seguinte vi-o a metade do preço."},
		{"Chegou com mais de uma semana de atraso.", "A encomenda atrasou-se e ninguém avisou.", "O rastreio dizia \"entregue\" e não estava lá nada.", "O estafeta nem tocou à campainha."},
		{"A caixa vinha esmagada e o conteúdo danificado.", "Mal embalado, claro que vinha riscado."},
		{"Ninguém responde aos meus emails.", "Liguei três vezes e ninguém me soube ajudar.", "O atendimento foi mal-educado."},
		{"Continuo à espera do reembolso.", "Devolver custa mais do que vale."},
		{"O pagamento falhava constantemente.", "O site perdeu o meu carrinho duas vezes."},
	},
	before: []string{"Ainda não chegou, onde está a minha encomenda?", "Continuo à espera do pacote.", "Prometido para a semana passada e até agora nada."},
	edit:   []string{"Atualização:", "Edito uns dias depois:", "Atualizo porque me contactaram:"},
	replies: [3][]string{
		{"Obrigado por nos contar. Lamentamos que não tenha corrido como devia.", "Obrigado pela opinião, já a passámos à equipa."},
		{"Pedimos muita desculpa. Entraremos em contacto no prazo de dois dias.", "Isto não devia ter acontecido. Vamos ligar-lhe."},
		{"Como combinado consigo, fica resolvido. Obrigado pela paciência.", "Encontrámos juntos uma solução. Obrigado."},
	},
	names: []string{"Inês", "João", "Beatriz", "Gonçalo", "Mafalda", "Rui", "Catarina", "Tomás", "Lígia", "Diogo", "Sara", "Vítor"},
}
